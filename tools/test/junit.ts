/** One test or step of `deno test --junit-path`. */
export interface Case {
  readonly file: string;
  /** A step's name follows its test's, with ` > ` between them. */
  readonly name: string;
  readonly result: "passed" | "failed" | "ignored";
  /** What a failed one said. */
  readonly message: string;
}

/** Reads Deno's own report, not any JUnit file: its elements and attributes come in this one form. */
export function casesOf(xml: string): Case[] {
  const cases: Case[] = [];
  for (
    const [, attributes, body = ""] of xml.matchAll(/<testcase ([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)
  ) {
    const failure = /<(?:failure|error) message="([^"]*)"/.exec(body);
    cases.push({
      file: attribute(attributes, "classname").replace(/^\.\//, ""),
      name: attribute(attributes, "name"),
      result: failure ? "failed" : body.includes("<skipped") ? "ignored" : "passed",
      message: failure ? unescape(failure[1]) : "",
    });
  }
  return cases;
}

function attribute(attributes: string, name: string): string {
  const found = new RegExp(`(?:^| )${name}="([^"]*)"`).exec(attributes);
  if (!found) throw new Error(`A test case without ${name}: ${attributes}`);
  return unescape(found[1]);
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function unescape(text: string): string {
  return text.replace(/&(?:#x([0-9a-fA-F]+)|#(\d+)|(\w+));/g, (whole, hex, decimal, name) => {
    if (hex) return String.fromCodePoint(parseInt(hex, 16));
    if (decimal) return String.fromCodePoint(parseInt(decimal, 10));
    return ENTITIES[name] ?? whole;
  });
}
