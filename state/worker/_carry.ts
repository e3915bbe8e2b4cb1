import { type Exchange, FRAME, FrameReader, packFrame } from "../volume/mod.ts";
import type { Told, Wish } from "./exchange_words.ts";

const READ_BYTES = 65_536;

/** Carries an exchange between two copies, for tests: what each told at its end. `cutAfter`: so many messages, then nothing more comes. */
export async function carry(
  a: Exchange,
  b: Exchange,
  { wish = {}, other = wish, cutAfter = Infinity }: {
    wish?: Partial<Wish>;
    /** What is wanted of the second, if that is something else. */
    other?: Partial<Wish>;
    cutAfter?: number;
  } = {},
): Promise<{ a: Told; b: Told }> {
  let messages = 0;
  const told: Told[] = [];
  for (const [end, wanted] of [[a, wish], [b, other]] as const) {
    const payload = new TextEncoder().encode(JSON.stringify({ do: "sync", ...wanted }));
    await end.write(packFrame({ kind: FRAME.word, payload }));
  }
  const pump = async (from: Exchange, to: Exchange, side: number) => {
    const reader = new FrameReader();
    for (;;) {
      const bytes = await from.read(READ_BYTES, new AbortController().signal);
      if (bytes.byteLength === 0) return;
      for (const frame of reader.add(bytes)) {
        if (frame.kind === FRAME.word) {
          told[side] = JSON.parse(new TextDecoder().decode(frame.payload));
        } else if (++messages <= cutAfter) {
          try {
            await to.write(packFrame(frame));
          } catch {
            // The other side has ended.
          }
        } else {
          a.close();
          b.close();
          return;
        }
      }
    }
  };
  await Promise.all([pump(a, b, 0), pump(b, a, 1)]);
  a.close();
  b.close();
  return { a: told[0], b: told[1] };
}
