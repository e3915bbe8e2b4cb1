/**
 * fsx, the file system exerciser: random reads, writes, truncations, maps and reopenings of one file, with every
 * read compared with what must be there. It runs in the guest and repeats exactly for the same seed.
 */
import { guest, type GuestMount } from "../guest/mod.ts";
import { judgeProgram } from "./cargo.ts";

export interface FsxRun {
  /** Each is exercised, one after the other, with the same seed. */
  mounts: GuestMount[];
  /** The folder inside the tree to work in, such as `/data`. */
  folder: string;
  seed: number;
  operations: number;
  timeoutMs: number;
  onLine?: (line: string) => void;
}

export interface FsxResult {
  failed: boolean;
  output: string;
}

/** fsx maps for writing, even to read; Linux allows that only with the page cache of the client. */
function canMap(mount: GuestMount): boolean {
  return (mount.options ?? []).some((option) => /^cache=(mmap|loose|fscache)$/.test(option));
}

export async function fsx(request: FsxRun): Promise<FsxResult> {
  const program = await judgeProgram("fsx");
  const runs = request.mounts.map((mount, index) => {
    const directory = `${mount.directory ?? "/mnt"}${request.folder}`;
    return `
echo "fsx ${mount.version} ${(mount.options ?? []).join(",")} seed ${request.seed}"
if ${program} -f /guest/fsx-${index}.toml -S ${request.seed} -N ${request.operations} -P /tmp \
    "${directory}/fsx-${index}" >/tmp/fsx.log 2>&1
then echo "  ok: ${request.operations} operations"
else failed=1; echo "  FAILED"; tail -n 40 /tmp/fsx.log
fi
rm -f "${directory}/fsx-${index}"`;
  });
  const extraFiles = Object.fromEntries(
    request.mounts.map((mount, index) => [`guest/fsx-${index}.toml`, configuration(mount)]),
  );
  const { output, exitCode } = await guest({
    mounts: request.mounts,
    extraPrograms: [program],
    extraFiles,
    script: `failed=0\n${runs.join("\n")}\nexit $failed\n`,
    timeoutMs: request.timeoutMs,
    onLine: request.onLine,
  });
  return { failed: exitCode !== 0, output };
}

function configuration(mount: GuestMount): string {
  const maps = canMap(mount);
  return `
# Beyond one message of the usual size, with ends that fall anywhere.
flen = 1000000
[opsize]
max = 200000
[weights]
close_open = 1
read = 10
write = 10
mapread = ${maps ? 5 : 0}
mapwrite = ${maps ? 5 : 0}
invalidate = ${maps ? 1 : 0}
truncate = 5
fsync = 1
fdatasync = 1
sendfile = 2
copy_file_range = 2
`;
}
