/**
 * What a terminal obeys, what turns the direction of text, and what cannot be seen: control and format characters,
 * lone surrogates, private and unassigned ones, separators of lines.
 */
const OBEYED = /[\p{C}\u2028\u2029]/gu;
/** The same without the newline. */
const OBEYED_IN_LINES = /(?!\n)[\p{C}\u2028\u2029]/gu;

/**
 * Text of users, guests and peers, as it may be shown in one line: what must not be shown raw is `\uXXXX`. This and the
 * two below are the only places where that is decided.
 */
export function escapeText(text: string): string {
  return text.replace(OBEYED, escapeChar);
}

/** The same for text that has lines. */
export function escapeLines(text: string): string {
  return text.replace(OBEYED_IN_LINES, escapeChar);
}

/** JSON that may be shown, and is read back as the same value. A bigint becomes a string. */
export function escapeJson(value: unknown, indent?: number): string {
  // The only newlines left in it are those between the lines.
  return escapeLines(JSON.stringify(value, bigintAsString, indent));
}

function escapeChar(char: string): string {
  if (char === "\n") return "\\n";
  if (char === "\t") return "\\t";
  let escaped = "";
  for (let i = 0; i < char.length; i++) escaped += `\\u${char.charCodeAt(i).toString(16).padStart(4, "0")}`;
  return escaped;
}

function bigintAsString(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}
