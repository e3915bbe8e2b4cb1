/** `lux9 mount` and `lux9 umount`, by 9pfuse and by the Linux kernel as root, and README's session by the latter. */
import { matches, sessionsOf } from "../docs/session.ts";
import type { FlowsResult } from "./flows/flows.ts";
import { PROJECT_ROOT } from "./guest/cache.ts";
import { guestMissing, projectMissing } from "./guest/mod.ts";
import { interopTest } from "./interop_test_case.ts";
import { mountsBy9pfuse, mountsInGuest, outputsInGuest } from "./mount/mount.ts";
import { ninepfuseMissing } from "./ninepfuse.ts";

const external = Deno.env.get("LUX9_TEST_ADDR") === undefined
  ? undefined
  : "only a node of our own has a home";
const noGuest = external ?? await guestMissing() ?? projectMissing();

interopTest("lux9 mount by 9pfuse, and umount", external ?? ninepfuseMissing(), async () => {
  mustPass(await mountsBy9pfuse());
});

interopTest("lux9 mount by the Linux kernel as root, and umount", noGuest, async () => {
  mustPass(await mountsInGuest());
});

interopTest("README: its sessions print what it shows where the Linux kernel mounts", noGuest, async () => {
  // wasmtime is not in the guest, where compiling a module would take minutes.
  const sessions = sessionsOf(await Deno.readTextFile(`${PROJECT_ROOT}/README.md`));
  const steps = sessions.filter((steps) => !steps.some(({ command }) => command.includes("/x/"))).flat();
  if (!steps.some(({ command }) => command.includes("lux9 mount"))) throw new Error("README mounts nothing");
  const outputs = await outputsInGuest(steps.map(({ command }) => command));
  for (const [index, { command, expected, line }] of steps.entries()) {
    if (matches(expected, outputs[index])) continue;
    throw new Error(`README.md:${line}: ${command}\nshown:\n${expected}\nprinted:\n${outputs[index]}`);
  }
});

function mustPass({ failed, failures }: FlowsResult): void {
  if (failed > 0) throw new Error(`${failed} flows failed\n${failures}`);
}
