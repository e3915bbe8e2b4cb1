import { type Document, isMap, isNode, LineCounter, type Node, parseDocument } from "yaml";
import type { z } from "zod";
import { NineError } from "../9p/mod.ts";

/** What was read, and where in the text each part of it stands. */
export interface Checked<T> {
  readonly value: T;
  /** `FILE:LINE:COLUMN` of the value at a path, as `["mounts", 2]`. */
  place(path: readonly PropertyKey[]): string;
}

/**
 * Reads a YAML text of at most `bytesMax` characters by a schema. EFBIG, or EINVAL with file, line and column of each
 * thing that is wrong, one a line. An empty text is an empty map.
 */
export function checkedYaml<S extends z.ZodType>(
  schema: S,
  text: string,
  file: string,
  bytesMax: number,
): Checked<z.output<S>> {
  if (text.length > bytesMax) {
    throw new NineError("EFBIG", `${file} has ${text.length} characters, allowed are ${bytesMax}`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    throw new NineError(
      "EINVAL",
      document.errors.map(({ pos, message }) => `${at(pos[0])}: ${message}`).join("\n"),
    );
  }
  const place = (path: readonly PropertyKey[], key?: string) => at(offsetOf(document, path, key));
  const result = schema.safeParse(plain(document, file));
  if (result.success) return { value: result.data, place };
  const problems = result.error.issues.map((issue) => {
    const unknown = issue.code === "unrecognized_keys" ? issue.keys[0] : undefined;
    return `${place(issue.path, unknown)}: ${issue.path.join(".") || "the file"}: ${issue.message}`;
  });
  throw new NineError("EINVAL", problems.join("\n"));
}

/** Aliases that would multiply a small text into a large value are refused. */
function plain(document: Document.Parsed, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (thrown) {
    throw new NineError("EINVAL", `${file}: ${(thrown as Error).message}`);
  }
}

/** Where the value at `path` starts, or its `key`; for what is missing, where that starts which it is missing from. */
function offsetOf(document: Document.Parsed, path: readonly PropertyKey[], key?: string): number {
  for (let depth = path.length; depth >= 0; depth--) {
    const node = document.getIn(path.slice(0, depth), true);
    if (!isNode(node)) continue;
    const pair = isMap<Node>(node) ? node.items.find((one) => String(one.key) === key) : undefined;
    return (pair?.key ?? node).range?.[0] ?? 0;
  }
  return 0;
}
