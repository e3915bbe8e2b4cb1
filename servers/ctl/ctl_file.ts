import { type Call, type Later, NineError, O, S, then } from "../../9p/mod.ts";

/** What a control file does. Leave out what it does not do: its permission bits follow from that. */
export interface CtlFile {
  /** The whole text as it is at open. */
  text?(call: Call): Later<string>;
  /** Takes one line that was written, without its newline; throw NineError("EINVAL", …) for one that is wrong. */
  command?(line: string, call: Call): Later<void>;
  /** For a file that goes on for ever: what one open of it reads from. */
  stream?(call: Call): Stream;
  /** Permission bits; absent: 0444, 0200 or 0644 as the functions above say. */
  readonly mode?: number;
  /** Beside another server's files: it goes with its directory, so to remove it does nothing and is no error. */
  readonly goesAlong?: boolean;
}

/** One reader of a file that goes on for ever. */
export interface Stream {
  /** The next bytes, at most `max`; later where there are none yet. Must end soon after the signal is aborted. */
  read(max: number, signal: AbortSignal): Later<Uint8Array>;
  close(): void;
}

/** An open control file. */
export interface CtlHandle {
  /** What reads are answered from, made at open. */
  readonly bytes: Uint8Array;
  readonly stream: Stream | undefined;
}

/** A line that is written to a control file has at most this many bytes. */
const LINE_BYTES_MAX = 8192;
const utf8 = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

export function ctlMode(file: CtlFile): number {
  const reads = file.text || file.stream ? 0o444 : 0;
  const writes = file.command ? 0o200 : 0;
  return S.IFREG | (file.mode ?? reads | writes);
}

export function openCtl(file: CtlFile, name: string, flags: number, call: Call): Later<CtlHandle> {
  const access = flags & O.ACCMODE;
  if (access !== O.WRONLY && !file.text && !file.stream) {
    throw new NineError("EACCES", `${name} is write-only`);
  }
  if (access !== O.RDONLY && !file.command) throw new NineError("EACCES", `${name} is read-only`);
  if (file.stream && access !== O.WRONLY) return { bytes: new Uint8Array(), stream: file.stream(call) };
  const text = access === O.WRONLY ? "" : file.text?.(call) ?? "";
  return then(text, (text) => ({ bytes: utf8.encode(text), stream: undefined }));
}

export function readCtl(
  { bytes, stream }: CtlHandle,
  offset: number,
  into: Uint8Array,
  call: Call,
): number | Promise<Uint8Array> {
  if (stream) {
    const next = stream.read(into.byteLength, call.signal);
    if (next instanceof Promise) return next;
    into.set(next);
    return next.byteLength;
  }
  const part = bytes.subarray(Math.min(offset, bytes.byteLength)).subarray(0, into.byteLength);
  into.set(part);
  return part.byteLength;
}

export function writeCtl(file: CtlFile, name: string, data: Uint8Array, call: Call): Later<number> {
  if (data.byteLength > LINE_BYTES_MAX) {
    throw new NineError(
      "EMSGSIZE",
      `${data.byteLength} bytes at once to ${name}, allowed are ${LINE_BYTES_MAX}`,
    );
  }
  const count = data.byteLength;
  const lines = textOf(data, name).split("\n").filter((line) => line.trim() !== "");
  return then(inOrder(lines, (line) => file.command!(line, call)), () => count);
}

function textOf(data: Uint8Array, name: string): string {
  try {
    return decoder.decode(data);
  } catch {
    throw new NineError("EILSEQ", `What was written to ${name} is no UTF-8`);
  }
}

/** Does one after the other; the first failure ends it. */
function inOrder(lines: readonly string[], act: (line: string) => Later<void>): Later<void> {
  return lines.reduce<Later<void>>((before, line) => then(before, () => act(line)), undefined);
}
