import type { Command } from "commander";
import { O, type RemoteFile } from "../../9p/mod.ts";
import { Exit } from "../exit.ts";
import { printBytes, visible, warn } from "../output.ts";
import { onPath } from "../on_path.ts";
import { reach, type Where, withWhere } from "../reach.ts";

interface Options extends Where {
  lines: string;
  follow: boolean;
}

/** How often a file that does not say when it grows is looked at, ms. */
const LOOK_MS = 300;
const PART_BYTES = 64 * 1024;
/** What is looked through for the last lines, bytes. */
const BACK_BYTES_MAX = 16 * 1024 * 1024;
const NEWLINE = 10;

export function define(command: Command): void {
  withWhere(command)
    .argument("<path>", "the file to follow")
    .option("-n, --lines <count>", "how many lines of what is there already", "10")
    .option("--no-follow", "end when all is printed that is there")
    .addHelpText(
      "after",
      `
A stream, whose reads wait for what comes next, is printed from where it starts. Stop with ^C.

Examples:
  lux9 tail /log/events
  lux9 tail -n 100 --no-follow /data/server.log`,
    )
    .action(tail);
}

async function tail(path: string, options: Options): Promise<void> {
  const lines = Number(options.lines);
  if (!Number.isInteger(lines) || lines < 0) {
    throw new Exit("usage", `--lines ${options.lines}: write a whole number, as 10`);
  }
  await using tree = await reach(options);
  await using file = await onPath(path, () => tree.open(path, O.RDONLY));
  const { size, qid } = await file.getattr();
  // Control files and streams have no length and no version (rule R20).
  if (size === 0 && qid.version === 0) await printFrom(file, 0);
  else await printGrowing(file, path, await startOfLines(file, size, lines), options.follow);
}

/** Prints to the end, and returns where that is. */
async function printFrom(file: RemoteFile, offset: number): Promise<number> {
  const buffer = new Uint8Array(PART_BYTES);
  for (let at = offset;;) {
    const count = await file.read(at, buffer);
    if (count === 0) return at;
    printBytes(buffer.subarray(0, count));
    at += count;
  }
}

async function printGrowing(file: RemoteFile, path: string, start: number, follow: boolean): Promise<void> {
  let at = await printFrom(file, start);
  while (follow) {
    await new Promise((done) => setTimeout(done, LOOK_MS));
    const { size } = await file.getattr();
    if (size < at) {
      warn(`${visible(path)} was cut to ${size} bytes: going on from its start`);
      at = 0;
    }
    if (size > at) at = await printFrom(file, at);
  }
}

/** Where the last `lines` lines of the first `size` bytes start. */
async function startOfLines(file: RemoteFile, size: number, lines: number): Promise<number> {
  if (lines === 0) return size;
  const buffer = new Uint8Array(PART_BYTES);
  let seen = 0;
  for (let end = size; end > 0 && size - end < BACK_BYTES_MAX;) {
    const start = Math.max(0, end - PART_BYTES);
    for (let at = start; at < end;) {
      const count = await file.read(at, buffer.subarray(at - start, end - start));
      if (count === 0) break;
      at += count;
    }
    for (let at = end - 1; at >= start; at--) {
      // The newline that ends the last line is none between lines.
      if (buffer[at - start] === NEWLINE && at !== size - 1 && ++seen === lines) return at + 1;
    }
    end = start;
  }
  return Math.max(0, size - BACK_BYTES_MAX);
}
