import { hash } from "node:crypto";
import type { Content } from "../tree/mod.ts";
import { keepBytes } from "../tree/_fixture.ts";
import type { Piece } from "./mod.ts";

type Stored = Pick<Content, "size" | "descriptor">;

const utf8 = new TextEncoder();
const text = new TextDecoder();
const LEAF_BYTES = 8;
const LIST_ENTRIES = 3;
const LEAF = 0x50;
const LIST = 0x4c;
const ENTRY_BYTES = 36;

export function idOf(bytes: Uint8Array): Uint8Array {
  return utf8.encode(hash("sha256", bytes, "hex").slice(0, 32));
}

export function nameOf(id: Uint8Array): string {
  return text.decode(id);
}

/** A chunk store in memory, whose chunks and lists are so small that a word needs several. A descriptor is `depth id`. */
export class Chunked {
  readonly chunks = new Map<string, Uint8Array>();

  content(bytes: Uint8Array, mergeable: boolean, mtime: Content["mtime"]): Content {
    let level: Piece[] = [];
    for (let at = 0; at < bytes.length || at === 0; at += LEAF_BYTES) {
      const leaf = bytes.subarray(at, at + LEAF_BYTES);
      level.push({ id: this.#keep(LEAF, leaf), depth: 0, size: leaf.length });
    }
    for (let depth = 1; level.length > 1; depth++) {
      const lists: Piece[] = [];
      for (let at = 0; at < level.length; at += LIST_ENTRIES) {
        lists.push(this.list(level.slice(at, at + LIST_ENTRIES), depth));
      }
      level = lists;
    }
    const [{ id, depth }] = level;
    const descriptor = `${depth}${nameOf(id)}`;
    keepBytes(descriptor, bytes);
    return { size: bytes.length, descriptor: utf8.encode(descriptor), mtime, text: mergeable };
  }

  list(pieces: readonly Piece[], depth: number): Piece {
    const bytes = new Uint8Array(pieces.length * ENTRY_BYTES);
    const view = new DataView(bytes.buffer);
    for (const [i, { id, size }] of pieces.entries()) {
      bytes.set(id, i * ENTRY_BYTES);
      view.setUint32(i * ENTRY_BYTES + 32, size);
    }
    return { id: this.#keep(LIST, bytes), depth, size: pieces.reduce((sum, { size }) => sum + size, 0) };
  }

  /** Undefined where something of it is not here. */
  read(content: Stored): Uint8Array | undefined {
    const piece = pieceOf(content);
    if (!piece) return new Uint8Array();
    const parts = this.#read(piece);
    return parts && new Uint8Array(parts.flatMap((part) => [...part]));
  }

  piecesOf({ id, depth, size }: Piece): Piece[] {
    const bytes = this.chunks.get(nameOf(id));
    if (!bytes || bytes[0] !== LIST || (bytes.length - 1) % ENTRY_BYTES !== 0) {
      throw new Error("It is no list");
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const pieces: Piece[] = [];
    for (let at = 1; at < bytes.length; at += ENTRY_BYTES) {
      pieces.push({ id: bytes.slice(at, at + 32), depth: depth - 1, size: view.getUint32(at + 32) });
    }
    if (pieces.reduce((sum, piece) => sum + piece.size, 0) !== size) throw new Error("It is of another size");
    return pieces;
  }

  put(id: Uint8Array, bytes: Uint8Array): boolean {
    if (nameOf(idOf(bytes)) !== nameOf(id)) return false;
    this.chunks.set(nameOf(id), bytes);
    return true;
  }

  #read(piece: Piece): Uint8Array[] | undefined {
    const bytes = this.chunks.get(nameOf(piece.id));
    if (!bytes) return undefined;
    if (piece.depth === 0) return [bytes.subarray(1)];
    const parts: Uint8Array[] = [];
    for (const each of this.piecesOf(piece)) {
      const read = this.#read(each);
      if (!read) return undefined;
      parts.push(...read);
    }
    return parts;
  }

  #keep(kind: number, payload: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(payload.length + 1);
    bytes[0] = kind;
    bytes.set(payload, 1);
    const id = idOf(bytes);
    this.chunks.set(nameOf(id), bytes);
    return id;
  }
}

export function pieceOf({ size, descriptor }: Stored): Piece | undefined {
  if (descriptor.length !== 33) return undefined;
  return { id: descriptor.slice(1), depth: descriptor[0] - 0x30, size };
}
