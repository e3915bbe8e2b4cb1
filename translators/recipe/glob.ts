/** Whether one name of a path stands for more than itself: `*`, `?` and `[a-z]`, as glob(7); `\` takes it back. */
export function isGlob(name: string): boolean {
  return /(?<!\\)(?:\\\\)*[*?[]/.test(name);
}

/** A name with its `\` taken away. */
export function literal(name: string): string {
  return name.replace(/\\(.)/gs, "$1");
}

/**
 * Whether a name fits a pattern, by going back to the last `*` only: in the time of the product of their lengths at
 * worst, whatever was written. A name that starts with a dot wants a pattern that does.
 */
export function fits(pattern: string, name: string): boolean {
  if (name.startsWith(".") && !pattern.startsWith(".")) return false;
  const tokens = tokensOf(pattern);
  const chars = [...name];
  let at = 0;
  let token = 0;
  let star = -1;
  let starAt = 0;
  while (at < chars.length) {
    const now = tokens[token];
    if (now === "any") {
      star = token++;
      starAt = at;
    } else if (now !== undefined && now(chars[at])) {
      token++;
      at++;
    } else if (star >= 0) {
      token = star + 1;
      at = ++starAt;
    } else return false;
  }
  while (tokens[token] === "any") token++;
  return token === tokens.length;
}

type Token = "any" | ((char: string) => boolean);

function tokensOf(pattern: string): Token[] {
  const tokens: Token[] = [];
  const chars = [...pattern];
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i];
    if (char === "*") tokens.push("any");
    else if (char === "?") tokens.push(() => true);
    else if (char === "[") {
      const end = chars.indexOf("]", i + (chars[i + 1] === "!" || chars[i + 1] === "^" ? 3 : 2));
      if (end < 0) tokens.push(same("["));
      else {
        tokens.push(setOf(chars.slice(i + 1, end)));
        i = end;
      }
    } else tokens.push(same(char === "\\" && i + 1 < chars.length ? chars[++i] : char));
  }
  return tokens;
}

const same = (wanted: string) => (char: string): boolean => char === wanted;

/** `a-z`, `!a-z`: what stands between the brackets. */
function setOf(chars: readonly string[]): (char: string) => boolean {
  const isNegated = chars[0] === "!" || chars[0] === "^";
  const rest = isNegated ? chars.slice(1) : chars;
  const ranges: [string, string][] = [];
  for (let i = 0; i < rest.length; i++) {
    if (rest[i + 1] === "-" && i + 2 < rest.length) {
      ranges.push([rest[i], rest[i + 2]]);
      i += 2;
    } else ranges.push([rest[i], rest[i]]);
  }
  const isIn = (char: string) => ranges.some(([low, high]) => low <= char && char <= high);
  return (char) => isIn(char) !== isNegated;
}
