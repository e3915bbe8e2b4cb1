import { decodeDescriptor, encodeDescriptor } from "../chunks/mod.ts";
import type { IndexWriter, NodeRow } from "../store/mod.ts";
import { MERGE_BYTES_MAX, type Merger, type MergeRequest, type MergeRules } from "../tree/mod.ts";
import type { ContentWriter } from "./content_writer.ts";
import { mergedText } from "./merged_text.ts";

const ROOT_INO = 1;
const DEPTH_MAX = 1000;

/** Which files are texts that merge, and what comes of merging them. */
export class Texts {
  readonly #index: IndexWriter;
  readonly #contents: ContentWriter;
  readonly #rules: MergeRules;

  constructor(index: IndexWriter, contents: ContentWriter, rules: MergeRules) {
    this.#index = index;
    this.#contents = contents;
    this.#rules = rules;
  }

  isText({ ino, size, content }: NodeRow): boolean {
    if (size > MERGE_BYTES_MAX) return false;
    const path = this.#pathOf(ino).join("/");
    // Reading the bytes costs more than asking for the name.
    if (!this.#rules.allows(path)) return false;
    if (content === null) return true;
    // Of what is not here nobody can say, and it does not become what merges need.
    return !this.#contents.lacks(content) &&
      this.#rules.merges(path, this.#bytesOf({ size, descriptor: content }));
  }

  merge(request: MergeRequest): ReturnType<Merger> {
    const merged = mergedText(request, (content) => this.#bytesOf(content));
    if (merged === undefined) return "unmergeable";
    if (merged.byteLength === 0) return { size: 0, descriptor: new Uint8Array(0) };
    return { size: merged.byteLength, descriptor: encodeDescriptor(this.#contents.put(merged)) };
  }

  /** One of its paths, as names from the root on. */
  #pathOf(ino: number): string[] {
    const names: string[] = [];
    for (let at = ino; at !== ROOT_INO && names.length < DEPTH_MAX;) {
      const edge = this.#index.edgeTo(at);
      if (edge === undefined) break;
      names.unshift(edge.name);
      at = edge.parent;
    }
    return names.length > 0 ? names : [""];
  }

  #bytesOf({ size, descriptor }: { readonly size: number; readonly descriptor: Uint8Array }): Uint8Array {
    const bytes = new Uint8Array(size);
    if (size > 0) this.#contents.reader.read(decodeDescriptor(descriptor), 0, bytes);
    return bytes;
  }
}
