/** Why rows are compiled to straight-line functions: `deno bench 9p/wire/codec_bench.ts`. */
import { codecOf, HEADER_BYTES } from "./codec.ts";
import type { Field } from "./field.ts";
import { MESSAGES } from "./messages.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

const codec = codecOf("9P2000.L");
const random = (below: number) => below >> 1;
const messages = (["Tgetattr", "Rgetattr", "Tread", "Twalk", "Rwalk"] as const).map((name) => {
  const message = codec.any(name, random);
  const out = new Writer();
  codec.encode(out, name, 1, message);
  const bytes = out.written().slice();
  return { name, type: MESSAGES[name].type, message, reader: new Reader(bytes), length: bytes.byteLength };
});
const out = new Writer();

Deno.bench("decode and encode: compiled rows", { group: "codec", baseline: true }, () => {
  out.clear();
  for (const { name, type, message, reader, length } of messages) {
    codec.decode(type, 1, reader.window(HEADER_BYTES, length));
    codec.encode(out, name, 1, message);
  }
});

const rows = messages.map(({ name }) => Object.entries(MESSAGES[name].fields) as [string, Field<unknown>][]);

Deno.bench("decode and encode: a loop over the fields", { group: "codec" }, () => {
  out.clear();
  messages.forEach(({ type, message, reader, length }, i) => {
    reader.window(HEADER_BYTES, length);
    const decoded: Record<string, unknown> = {};
    for (const [key, field] of rows[i]) decoded[key] = field.read(reader);
    const start = out.begin(type, 1);
    const values = message as unknown as Record<string, unknown>;
    for (const [key, field] of rows[i]) field.write(out, values[key]);
    out.end(start);
  });
});
