const utf8 = new TextEncoder();
/** What a shell reports for a program that SIGPIPE ended. */
const SIGPIPE_EXIT = 141;

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
  print(JSON.stringify(value, (_key, value) => typeof value === "bigint" ? value.toString() : value, 2));
}

/** A message beside the output. */
export function warn(message: string): void {
  console.error(`lux9: ${message}`);
}

/** Text of others, fit for a terminal: what controls it or changes the direction of text is escaped, and so is `\\`. */
export function visible(text: string): string {
  return withoutControls(text.replaceAll("\\", "\\\\"));
}

/** The same for text in which a backslash is an escape already. */
export function withoutControls(text: string): string {
  return text.replace(/[\p{C}\u2028\u2029]/gu, (char) => {
    if (char === "\n") return "\\n";
    if (char === "\t") return "\\t";
    return `\\u{${char.codePointAt(0)!.toString(16)}}`;
  });
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

/** The word as a POSIX shell reads it back. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
