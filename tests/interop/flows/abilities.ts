/**
 * What each way to the files can express. A flow that needs more is left out there, by the names used in the
 * scripts (`check_if NAME`). A way is judged by all the flows that it can express.
 */

export type Way = "local" | "9p2000.L" | "9p2000.L cached" | "9p2000.u" | "9p2000" | "9pfuse";

/**
 * - `client_groups`: the groups of the process that asks count; 9P carries the user alone
 * - `append_at_server`: the server, not the client, decides where an append lands
 * - `create_nofollow`: files can be created with O_NOFOLLOW
 * - `exclusive`: O_EXCL reaches the server
 * - `fresh_attributes`: what one request changed beside what it was about is seen at once
 * - `fresh_names`: what one program did with names, the next one sees at once
 * - `long_reads`: a read gives all that was asked for, however much
 * - `rename_elsewhere`: into another folder, without copying
 * - `replaced_open`, `unlinked_open`: an open file outlives its name
 * - `special_bits`: setuid, setgid, sticky
 * - `users`: several users through one mount
 */
const EVERYTHING = [
  "append_at_server",
  "client_groups",
  "create_nofollow",
  "exclusive",
  "fifo",
  "fresh_attributes",
  "fresh_names",
  "hardlink",
  "lock",
  "long_reads",
  "nanoseconds",
  "owner",
  "rename_elsewhere",
  "replaced_open",
  "special_bits",
  "statfs",
  "symlink",
  "unlinked_open",
  "users",
  "xattr",
] as const;

type Ability = typeof EVERYTHING[number];

/**
 * Linux's client cuts times that it sets to whole seconds (it leaves the kernel's default grain), and 9P carries
 * no groups of processes.
 */
const LINUX = EVERYTHING.filter((ability) => ability !== "nanoseconds" && ability !== "client_groups");

const ABILITIES: Record<Way, readonly Ability[]> = {
  local: EVERYTHING,
  "9p2000.L": LINUX,
  // With cache=loose an access list set by cp does not show in the mode that is cached.
  "9p2000.L cached": LINUX.filter((ability) => ability !== "fresh_attributes"),
  // The dialect of Unix as Linux speaks it has symlinks, pipes and numeric owners, but whole seconds, and
  // neither locks nor extended attributes.
  "9p2000.u": [
    "append_at_server",
    "create_nofollow",
    "exclusive",
    "fifo",
    "fresh_names",
    "long_reads",
    "owner",
    "replaced_open",
    "special_bits",
    "symlink",
    "unlinked_open",
    "users",
  ],
  // Appends land where the client thinks that the file ends.
  "9p2000": [
    "create_nofollow",
    "exclusive",
    "fresh_names",
    "long_reads",
    "replaced_open",
    "unlinked_open",
  ],
  // 9pfuse drops O_EXCL, refuses to create with O_NOFOLLOW, and reads 4096 bytes at most.
  "9pfuse": ["unlinked_open"],
};

export function abilities(way: Way): string {
  return ABILITIES[way].join(" ");
}
