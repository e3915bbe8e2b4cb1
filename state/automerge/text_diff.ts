/** One place where a text differs: so many code units (UTF-16) of the old text are gone from `start` on, and `insert` is there instead. */
export interface Difference {
  readonly start: number;
  readonly deleted: number;
  readonly insert: string;
}

/** More differences than this in one stretch are one difference: the work is quadratic in their number. */
const EDITS_MAX = 512;

/**
 * What has to be done to one text to get another: by lines first, and by words within lines that differ. A word is never changed in part, or two changes of one word
 * would give a mixture of their letters. Everything about it is fixed here, and nothing depends on tables of the engine, since copies with other versions of it
 * must come to the same.
 *
 * In the order of the text.
 */
export function differencesOf(before: string, after: string): Difference[] {
  return refine(before, after, 0, linesOf, (old, now, start) => refine(old, now, start, wordsOf));
}

function refine(
  before: string,
  after: string,
  start: number,
  split: (text: string) => string[],
  within?: (before: string, after: string, start: number) => Difference[],
): Difference[] {
  const [old, now] = [split(before), split(after)];
  const differences: Difference[] = [];
  let at = start;
  let i = 0;
  for (const [from, to, nowFrom, nowTo] of stretches(old, now)) {
    for (; i < from; i++) at += old[i].length;
    const gone = old.slice(from, to).join("");
    const insert = now.slice(nowFrom, nowTo).join("");
    if (within && gone !== "" && insert !== "") differences.push(...within(gone, insert, at));
    else differences.push({ start: at, deleted: gone.length, insert });
    for (; i < to; i++) at += old[i].length;
  }
  return differences;
}

/** Each line with its end. */
function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+/g) ?? [];
}

/** Letters and digits in a row; everything else, and every letter of scripts that put no spaces between words, alone. */
function wordsOf(text: string): string[] {
  return text.match(/[A-Za-z0-9_\u0080-\u1fff\ud800-\udfff]+|[^]/g) ?? [];
}

/** The stretches in which two lists differ: from and to in the old one, from and to in the new one. */
function stretches(before: readonly string[], after: readonly string[]): [number, number, number, number][] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head++;
  let [end, nowEnd] = [before.length, after.length];
  while (end > head && nowEnd > head && before[end - 1] === after[nowEnd - 1]) {
    end--;
    nowEnd--;
  }
  if (end === head && nowEnd === head) return [];
  const same = end === head || nowEnd === head
    ? []
    : common(before.slice(head, end), after.slice(head, nowEnd)) ?? [];
  const found: [number, number, number, number][] = [];
  let [i, j] = [head, head];
  for (const [x, y] of [...same.map(([x, y]) => [x + head, y + head]), [end, nowEnd]]) {
    if (x > i || y > j) found.push([i, x, j, y]);
    [i, j] = [x + 1, y + 1];
  }
  return found;
}

/**
 * The pairs of a longest common subsequence; undefined where there are too many differences. The greedy algorithm of E. Myers, "An O(ND) Difference Algorithm and
 * Its Variations" (1986), with its names: V holds for each diagonal k how far down it a path of D differences comes.
 */
function common(a: readonly string[], b: readonly string[]): [number, number][] | undefined {
  const [n, m] = [a.length, b.length];
  const max = Math.min(n + m, EDITS_MAX);
  const v = new Int32Array(2 * max + 2);
  const trace: Int32Array[] = [];
  for (let d = 0; d <= max; d++) {
    trace.push(v.slice(max - d, max + d + 2));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || k !== d && v[max + k - 1] < v[max + k + 1];
      let x = down ? v[max + k + 1] : v[max + k - 1] + 1;
      while (x < n && x - k < m && a[x] === b[x - k]) x++;
      v[max + k] = x;
      if (x >= n && x - k >= m) return backtrack(trace, d, n, m);
    }
  }
}

function backtrack(trace: readonly Int32Array[], edits: number, n: number, m: number): [number, number][] {
  const pairs: [number, number][] = [];
  let [x, y] = [n, m];
  for (let d = edits; d >= 0; d--) {
    // `trace[d]` is V as it was before step d, from diagonal −d on.
    const v = (k: number) => trace[d][k + d] ?? 0;
    const k = x - y;
    const down = k === -d || k !== d && v(k - 1) < v(k + 1);
    const from = d === 0 ? 0 : down ? v(k + 1) : v(k - 1);
    const fromY = d === 0 ? 0 : from - (down ? k + 1 : k - 1);
    while (x > from && y > fromY && x > 0 && y > 0 && (d === 0 || x > (down ? from : from + 1))) {
      pairs.push([--x, --y]);
    }
    [x, y] = [from, fromY];
  }
  return pairs.reverse();
}
