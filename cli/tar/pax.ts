import { NineError } from "../../9p/mod.ts";

export type PaxRecords = Map<string, Uint8Array>;

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const LENGTH_DIGITS_MAX = 8;

/** `LENGTH KEY=VALUE\n` for each record; the length counts itself. */
export function encodePax(records: PaxRecords): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (const [key, value] of records) {
    const head = utf8.encode(` ${key}=`);
    const rest = head.length + value.length + 1;
    let length = rest + String(rest).length;
    if (String(length).length > String(rest).length) length = rest + String(length).length;
    parts.push(utf8.encode(String(length)), head, value, utf8.encode("\n"));
  }
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The records in `bytes`, as views of it. EINVAL for what is none. */
export function decodePax(bytes: Uint8Array): PaxRecords {
  const records: PaxRecords = new Map();
  for (let at = 0; at < bytes.length;) {
    const blank = bytes.indexOf(0x20, at);
    const digits = blank < 0 || blank - at > LENGTH_DIGITS_MAX ? "" : paxText(bytes.subarray(at, blank));
    const end = at + Number(digits);
    const equals = bytes.indexOf(0x3d, blank);
    if (
      !/^\d+$/.test(digits) || end > bytes.length || bytes[end - 1] !== 0x0a || equals < 0 || equals >= end
    ) {
      throw new NineError(
        "EINVAL",
        `The archive has a pax record at ${at} of ${bytes.length} bytes that is none`,
      );
    }
    records.set(paxText(bytes.subarray(blank + 1, equals)), bytes.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}

/** EINVAL for what is no UTF-8. */
export function paxText(bytes: Uint8Array): string {
  try {
    return fromUtf8.decode(bytes);
  } catch {
    throw new NineError("EINVAL", "The archive has a name that is no UTF-8");
  }
}
