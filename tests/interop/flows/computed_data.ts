/** The data that is computed with, and what the real tools print for it: written on this machine, before mounting. */
import { mustRun, which } from "../command.ts";

export interface DataSize {
  rows: number;
  /** Of text, before gzip, which makes about 58 % of it. */
  logBytes: number;
  chapters: number;
}

export const SMALL: DataSize = { rows: 2000, logBytes: 2_000_000, chapters: 12 };
/** 100,000 rows, 50 MB of gzip, and a long book. */
export const FULL: DataSize = { rows: 100_000, logBytes: 86_000_000, chapters: 400 };

/** Why what jq prints cannot be compared with here, or undefined. */
export function jqMissing(): string | undefined {
  return which("jq") === undefined ? "needs the package jq" : undefined;
}

export async function writeData(folder: string, size: DataSize): Promise<void> {
  await Deno.mkdir(`${folder}/expected`, { recursive: true });
  await Deno.mkdir(`${folder}/book`);
  const random = generator(20_240_917);
  const rows = Array.from({ length: size.rows }, (_, index) => row(index, random));
  await Deno.writeTextFile(`${folder}/table.csv`, csv(rows));
  await Deno.writeTextFile(`${folder}/expected/table.json`, json(rows));
  await writeLog(`${folder}/log`, size.logBytes, random);
  let html = "";
  for (let number = 1; number <= size.chapters; number++) {
    const chapter = bookChapter(number, random);
    await Deno.writeTextFile(
      `${folder}/book/chapter-${String(number).padStart(4, "0")}.md`,
      chapter.markdown,
    );
    html += chapter.html;
  }
  await Deno.writeTextFile(`${folder}/expected/book.html`, html);
  await mustRun("sh", ["-ec", BY_THE_TOOLS], { cwd: folder, timeoutMs: 300_000 });
  if (jqMissing() === undefined) await mustRun("sh", ["-ec", BY_JQ], { cwd: folder, timeoutMs: 300_000 });
}

const BY_THE_TOOLS = `
export LC_ALL=C
sort table.csv >expected/sorted
sort -ru table.csv | sha256sum >expected/sorted-ru.sum
head -n 5 table.csv >expected/head
gzip -1 log
gunzip -c log.gz | sha256sum >expected/log.sum
gunzip -c log.gz | wc -c >expected/log.size
gunzip -c log.gz | sort | sha256sum >expected/log-sorted.sum
gunzip -c log.gz | sed 1000q >expected/log-head
`;

const BY_JQ = `
cd expected
jq '.[7]' table.json >jq-one
jq -c 'group_by(.city)|map({city: .[0].city, count: length})' table.json >jq-groups
jq -r '.[].note' table.json >jq-notes
`;

const CITIES = ["Berlin", "Kraków", "Nürnberg", "São Paulo", "東京", "Oslo", "New York"];
const WORDS =
  "the river ran past old stone walls and quiet gardens while nobody thought of storms that winter"
    .split(" ");

const COLUMNS = ["id", "name", "city", "amount", "note"] as const;
type Row = Record<typeof COLUMNS[number], string>;

function row(index: number, random: Random): Row {
  const word = () => WORDS[random(WORDS.length)];
  const notes = [word(), `${word()}, ${word()}`, `says "${word()}"`, `${word()}\n${word()}`, ""];
  return {
    id: `${index}`,
    name: `${word()} ${word()}`,
    city: CITIES[random(CITIES.length)],
    amount: `${random(1_000_000) / 100}`,
    note: notes[random(notes.length)],
  };
}

function csv(rows: readonly Row[]): string {
  const field = (text: string) => /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  const lines = rows.map((one) => COLUMNS.map((column) => field(one[column])).join(","));
  return [COLUMNS.join(","), ...lines].join("\n") + "\n";
}

/** As csv2json writes it: a row a line. */
function json(rows: readonly Row[]): string {
  return `[\n${rows.map((one) => JSON.stringify(one)).join(",\n")}\n]\n`;
}

/** Lines of a log, with so much chance in them that gzip leaves more than half. */
async function writeLog(path: string, bytes: number, random: Random): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const encoder = new TextEncoder();
  let written = 0;
  while (written < bytes) {
    let text = "";
    while (text.length < 1_000_000) {
      let line = `2026-0${1 + random(9)}-1${random(10)}T1${random(10)}:2${random(10)} `;
      for (let i = 0; i < 12; i++) line += random(2 ** 32).toString(16).padStart(8, "0");
      text += `${line} ${WORDS[random(WORDS.length)]}\n`;
    }
    const chunk = encoder.encode(text);
    for (let at = 0; at < chunk.byteLength;) at += await file.write(chunk.subarray(at));
    written += chunk.byteLength;
  }
}

/** A chapter, as it is written and as it is to be read. */
function bookChapter(number: number, random: Random): { markdown: string; html: string } {
  const sentence = () => {
    const words = Array.from({ length: 8 + random(8) }, () => WORDS[random(WORDS.length)]);
    return words.join(" ") + ".";
  };
  let markdown = `# Chapter ${number}\n\n`;
  let html = `<h1 id="chapter-${number}">Chapter ${number}</h1>\n`;
  for (let paragraph = 0; paragraph < 20 + random(20); paragraph++) {
    const [plain, strong, stressed] = [sentence(), sentence(), sentence()];
    markdown += `${plain}\n**${strong}** And *${stressed}*\n\n`;
    html += `<p>${plain}\n<strong>${strong}</strong> And <em>${stressed}</em></p>\n`;
  }
  const items = Array.from({ length: 3 }, sentence);
  markdown += items.map((item) => `- ${item}\n`).join("") + "\n";
  html += `<ul>\n${items.map((item) => `<li>${item}</li>\n`).join("")}</ul>\n`;
  return { markdown, html };
}

type Random = (below: number) => number;

/** The same numbers every time. */
function generator(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) % below;
  };
}
