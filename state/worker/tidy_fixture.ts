/** A process that makes the history of a volume shorter, a step for each line that it writes, until it is killed. */
import { realDisk } from "../disk/mod.ts";
import { RETENTION } from "../volume/mod.ts";
import { DatabaseGuard } from "../guard/mod.ts";
import { Keeper } from "./keeper.ts";

const [folder] = Deno.args;
const guard = new DatabaseGuard(realDisk(folder));
guard.open(Infinity);
const options = {
  owned: { uid: "me", gid: "us" },
  checkpointOperations: 1,
  journal: { records: 20, bytes: 1 << 20 },
};
const keeper = new Keeper(realDisk(folder), folder, options, guard);
keeper.recover(keeper.applied);
keeper.collect(RETENTION);
const say = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
say("begins");
while (keeper.tidy(true)) {
  say("step");
  keeper.checkpoint();
}
say("done");
