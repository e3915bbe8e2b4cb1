import { load9p } from "../load9p.ts";
import { frame, RawClient, Type, u32, u64, walk } from "../raw.ts";
import type { Loaded, Verdict } from "./verdict.ts";

const DIRECTORY = "large";
const DIR_FID = 1;
const READ_BYTES = 65_000;
const LISTINGS = 5;

/** Lists it again and again while other clients make and remove files in it: no file that stays may be missed or come twice. */
export async function changingDirectory(
  loaded: Loaded,
  tree: "mem" | "host",
  count: number,
): Promise<Verdict> {
  const { node, program } = loaded;
  const place = node.place(tree);
  await load9p(program, place, ["-o", "mkdir", "-f", DIRECTORY]);
  await load9p(program, place, ["-o", "fill", "-f", DIRECTORY, "-n", `${count}`, "-s", "1", "-d", "64"]);
  const client = await RawClient.attach(node.port, place.aname);
  try {
    let changing = true;
    let changes = 0;
    const change = async () => {
      while (changing) {
        const { count } = await load9p(program, place, [
          "-o",
          "mk",
          "-f",
          DIRECTORY,
          "-t",
          "0.5",
          "-s",
          "1",
          "-d",
          "4",
        ]);
        changes += count;
      }
    };
    const changer = change();
    const problems: string[] = [];
    let slowestMs = 0;
    for (let i = 0; i < LISTINGS; i++) {
      const began = performance.now();
      const seen = await list(client);
      slowestMs = Math.max(slowestMs, performance.now() - began);
      problems.push(...problemsOf(seen, count));
    }
    changing = false;
    await changer;
    await load9p(program, place, ["-o", "empty", "-f", DIRECTORY, "-n", `${count}`, "-d", "64"]);
    await load9p(program, place, ["-o", "rmdir", "-f", DIRECTORY]);
    return {
      holds: problems.length === 0,
      says:
        `${tree}: a directory of ${count} files listed completely ${LISTINGS} times during ${changes} changes, ` +
        `the slowest in ${slowestMs.toFixed(0)} ms${
          problems.length > 0 ? `: ${problems.slice(0, 3).join("; ")}` : ""
        }`,
    };
  } finally {
    client.close();
  }
}

/** How often each name came. */
async function list(client: RawClient): Promise<Map<string, number>> {
  const seen = new Map<string, number>();
  const decoder = new TextDecoder();
  await client.ask(walk(1, DIR_FID, [DIRECTORY]));
  await client.ask(frame(Type.Tlopen, 1, u32(DIR_FID), u32(0)));
  for (let offset = 0n;;) {
    const { body } = await client.ask(frame(Type.Treaddir, 1, u32(DIR_FID), u64(offset), u32(READ_BYTES)));
    const length = body.getUint32(0, true);
    if (length === 0) break;
    // Entries: qid[13] offset[8] type[1] name[s]
    for (let at = 4; at < 4 + length;) {
      offset = body.getBigUint64(at + 13, true);
      const nameBytes = body.getUint16(at + 22, true);
      const name = decoder.decode(new Uint8Array(body.buffer, body.byteOffset + at + 24, nameBytes));
      seen.set(name, (seen.get(name) ?? 0) + 1);
      at += 24 + nameBytes;
    }
  }
  await client.ask(frame(Type.Tclunk, 1, u32(DIR_FID)));
  return seen;
}

function problemsOf(seen: ReadonlyMap<string, number>, count: number): string[] {
  const problems: string[] = [];
  for (let i = 0; i < count; i++) {
    const name = `f${String(i).padStart(6, "0")}`;
    const times = seen.get(name) ?? 0;
    if (times !== 1) problems.push(`${name} came ${times} times`);
  }
  return problems;
}
