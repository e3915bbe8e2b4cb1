import { escapeJson, escapeLines, escapeText } from "../9p/mod.ts";

const utf8 = new TextEncoder();
/** What a shell reports for a program that SIGPIPE ended. */
export const SIGPIPE_EXIT = 141;

/** Writes a line to the standard output, whole. A reader that has gone (`| head`) ends the program quietly. */
export function print(line: string): void {
  printBytes(utf8.encode(`${line}\n`));
}

export function printBytes(bytes: Uint8Array): void {
  try {
    for (let done = 0; done < bytes.byteLength;) done += Deno.stdout.writeSync(bytes.subarray(done));
  } catch (thrown) {
    if (thrown instanceof Deno.errors.BrokenPipe) Deno.exit(SIGPIPE_EXIT);
    throw thrown;
  }
}

export function printJson(value: unknown): void {
  print(escapeJson(value, 2));
}

/** One of several, each on a line of its own. */
export function printJsonLine(value: unknown): void {
  print(escapeJson(value));
}

/** A message beside the output. */
export function warn(message: string): void {
  console.error(`lux9: ${escapeLines(message)}`);
}

/** Text of others, fit for a terminal, and so that it can be told what was escaped: `\\` is, too. */
export function visible(text: string): string {
  return escapeText(text.replaceAll("\\", "\\\\"));
}

/** Rows as columns, two blanks apart; `right` names the columns that hold numbers. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => widths[i] = Math.max(widths[i] ?? 0, cell.length));
  return rows.map((row) =>
    row.map((cell, i) => right.includes(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i])).join("  ")
      .trimEnd()
  );
}

/** `1 record`, `2 records` */
export function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** The word as a POSIX shell reads it back. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
