/**
 * What each way to the files can express. A flow that needs more is left out there, by the names used in the
 * scripts (`check_if NAME`). A way is judged by all the flows that it can express.
 */

export type Way = "local" | "9p2000.L" | "9p2000.u" | "9p2000" | "9pfuse";

/**
 * - `client_groups`: the groups of the process that asks count; 9P carries the user alone
 * - `append_at_server`: the server, not the client, decides where an append lands
 * - `exclusive`: O_EXCL reaches the server
 * - `replaced_open`, `unlinked_open`: an open file outlives its name
 * - `special_bits`: setuid, setgid, sticky
 * - `users`: several users through one mount
 */
const EVERYTHING = [
  "append_at_server",
  "client_groups",
  "exclusive",
  "fifo",
  "hardlink",
  "lock",
  "nanoseconds",
  "owner",
  "replaced_open",
  "special_bits",
  "statfs",
  "symlink",
  "unlinked_open",
  "users",
  "xattr",
] as const;

type Ability = typeof EVERYTHING[number];

const ABILITIES: Record<Way, readonly Ability[]> = {
  local: EVERYTHING,
  // Linux's client cuts times that it sets to whole seconds (it leaves the kernel's default grain).
  "9p2000.L": EVERYTHING.filter((ability) => ability !== "nanoseconds" && ability !== "client_groups"),
  // The dialect of Unix as Linux speaks it has symlinks, pipes and numeric owners, but whole seconds, and
  // neither locks nor extended attributes.
  "9p2000.u": [
    "append_at_server",
    "exclusive",
    "fifo",
    "owner",
    "replaced_open",
    "special_bits",
    "symlink",
    "unlinked_open",
    "users",
  ],
  // Appends land where the client thinks that the file ends.
  "9p2000": ["exclusive", "replaced_open", "unlinked_open"],
  // 9pfuse drops O_EXCL and keeps no fid of its own for a name that is gone.
  "9pfuse": [],
};

export function abilities(way: Way): string {
  return ABILITIES[way].join(" ");
}
