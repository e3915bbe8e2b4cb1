import { NineError } from "../../9p/mod.ts";
import { FRAME } from "../../state/volume/mod.ts";
import type { Conflict, Told } from "../../state/worker/mod.ts";
import { wordOf } from "./carry.ts";
import type { Side } from "./side.ts";

/** The files of a volume that are shown under conflict names; paths from its root on. `all`: also those that have such a name for their own, for which every name is looked at. */
export async function conflictsOf(
  side: Pick<Side, "name" | "end">,
  volume: string,
  signal: AbortSignal,
  all = false,
): Promise<readonly Conflict[]> {
  const end = await side.end(volume);
  try {
    await end.write(wordOf({ do: "conflicts", all }));
    let found: Conflict[] | undefined;
    for (;;) {
      const frames = await end.read(signal);
      if (frames.length === 0) {
        if (found !== undefined) return found;
        throw new NineError("EIO", `${side.name} did not tell the conflicts of ${volume}`);
      }
      for (const { kind, payload } of frames) {
        if (kind !== FRAME.word) continue;
        const told = JSON.parse(new TextDecoder().decode(payload)) as Told;
        if ("conflicts" in told) found = (found ?? []).concat(told.conflicts);
        if ("failed" in told) throw new NineError("EIO", told.failed);
      }
    }
  } finally {
    await end.close();
  }
}
