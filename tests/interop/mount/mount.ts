/** The script mount.sh, which uses `lux9 mount` and `lux9 umount`: on this machine with 9pfuse, or in the guest. */
import { run } from "../command.ts";
import { type FlowsResult, judged } from "../flows/flows.ts";
import { guard } from "../guard.ts";
import { PROJECT_ROOT } from "../guest/cache.ts";
import { guest, GUEST_PROJECT, guestProject } from "../guest/mod.ts";
import { freePort } from "../server.ts";

const MOUNT_MS_MAX = 300_000;
/** Deno is as large as everything else, and is in memory twice while it is unpacked. */
const MEMORY_MIB = 2048;

const ONLY = Deno.env.get("LUX9_TEST_FLOW") ?? "";
const MOUNT_SCRIPT = new URL("mount.sh", import.meta.url);
const LIB_SCRIPT = new URL("../flows/lib.sh", import.meta.url);

export async function mountsBy9pfuse(): Promise<FlowsResult> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-mounts-" });
  const lift =
    'for tree in "$1"/work.points/* "$1"/work.points/*/*; do fusermount3 -u -z "$tree"; done; rm -rf "$1"';
  await using _guarded = guard(lift, folder);
  try {
    const result = await run("sh", [MOUNT_SCRIPT.pathname], {
      env: {
        LUX9: `${PROJECT_ROOT}/lux9`,
        WAY: "9pfuse",
        CAN: "fuse",
        FLOWS: new URL(".", LIB_SCRIPT).pathname,
        PORT: `${freePort()}`,
        DIR: `${folder}/work`,
        SCRATCH: `${folder}/scratch`,
        LENGTH: "short",
        ONLY,
      },
      timeoutMs: MOUNT_MS_MAX,
    });
    return judged(result.stdout + result.stderr, result);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

export async function mountsInGuest(): Promise<FlowsResult> {
  const result = await guestWithProject("echo 127.0.0.1 localhost >/etc/hosts; sh /guest/mount.sh", {
    "guest/mount.sh": await Deno.readFile(MOUNT_SCRIPT),
    "guest/lib.sh": await Deno.readFile(LIB_SCRIPT),
  });
  return judged(result.output, { code: result.exitCode });
}

/** What each command prints, in a shell of its own in the project's folder, while a node of the demo runs. */
export async function outputsInGuest(commands: readonly string[]): Promise<string[]> {
  const mark = `@${crypto.randomUUID()}`;
  const files: Record<string, string> = {};
  commands.forEach((command, index) => files[`guest/command-${index}`] = command);
  const result = await guestWithProject(
    `
cd ${GUEST_PROJECT}
# It is not here, and need not be looked for.
export LUX9_WASMTIME=/nowhere
./lux9 up --demo >/tmp/up.log 2>&1 &
until grep -q 'serves your tree' /tmp/up.log; do kill -0 $! || { cat /tmp/up.log; exit 1; }; sleep 0.1; done
for index in $(seq 0 ${commands.length - 1}); do echo ${mark}; sh /guest/command-$index 2>&1; done
echo ${mark}
kill $! && wait $!
`,
    files,
  );
  const outputs = result.output.split(`${mark}\n`).slice(1, -1);
  if (result.exitCode !== 0 || outputs.length !== commands.length) {
    throw new Error(`The session ended with ${result.exitCode}\n${result.console.slice(-4000)}`);
  }
  return outputs;
}

async function guestWithProject(script: string, extraFiles: Record<string, Uint8Array | string>) {
  const project = await guestProject();
  return await guest({
    mounts: [],
    script,
    environment: {
      LUX9: `${GUEST_PROJECT}/lux9`,
      WAY: "v9fs",
      CAN: "kernel",
      FLOWS: "/guest",
      PORT: "5640",
      DIR: "/work",
      SCRATCH: "/scratch",
      LENGTH: "short",
      ONLY,
      USER: "root",
    },
    extraFiles: { ...project.files, ...extraFiles },
    extraPrograms: project.programs,
    memoryMiB: MEMORY_MIB,
    timeoutMs: MOUNT_MS_MAX,
  });
}
