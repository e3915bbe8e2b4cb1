import assert from "node:assert/strict";
import { realDisk } from "../disk/mod.ts";
import { contents } from "./fixture.ts";
import { Log } from "./mod.ts";

/** Appends for ever, and says after each record that it is there. */
const WRITER = `
  import { realDisk } from ${JSON.stringify(import.meta.resolve("../disk/mod.ts"))};
  import { Log } from ${JSON.stringify(import.meta.resolve("./mod.ts"))};
  import { payloadOf } from ${JSON.stringify(import.meta.resolve("./fixture.ts"))};
  const log = new Log(realDisk(Deno.args[0]), "log", { segmentBytes: 100_000 });
  for (;;) {
    const { number } = log.append((log.last + 1) % 256, payloadOf(log.last + 1));
    Deno.stdout.writeSync(new TextEncoder().encode(number + "\\n"));
    if (number % 100 === 0) await log.sync();
  }
`;

Deno.test("a process that is killed leaves every record that it said is there", async () => {
  const root = Deno.makeTempDirSync();
  try {
    let last = 0;
    for (let round = 0; round < 4; round++) {
      const file = `${root}/writer.ts`;
      Deno.writeTextFileSync(file, WRITER);
      const command = new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "-A",
          "--no-check",
          `--config=${new URL("../../deno.json", import.meta.url).pathname}`,
          file,
          root,
        ],
        stdout: "piped",
        stderr: "inherit",
      });
      const writer = command.spawn();
      let said = "";
      for await (const part of writer.stdout.pipeThrough(new TextDecoderStream())) {
        said += part;
        if (said.length > 3000 * (round + 1)) {
          writer.kill("SIGKILL");
          break;
        }
      }
      assert.equal((await writer.status).signal, "SIGKILL");
      const answered = Number(said.slice(0, said.lastIndexOf("\n")).split("\n").at(-1));
      using log = new Log(realDisk(root), "log");
      assert.deepEqual(log.damage, []);
      assert.ok(answered > last && log.last >= answered, `${log.last} of ${answered}, after ${last}`);
      last = log.last;
      assert.equal(contents(log).length, last);
    }
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});
