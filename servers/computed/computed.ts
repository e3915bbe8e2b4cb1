import type { Attr, Call, Later, Principal, Qid } from "../../9p/mod.ts";
import { pathOfText, plainAttr, Qt, S } from "../../9p/mod.ts";

/** What is known of a computed file. */
export interface Look {
  /** Exact once it was evaluated for its present inputs; else 0, with version 0 (rule R20). */
  readonly size: number;
  readonly version: number;
  /** Seconds since 1970, where it is known. */
  readonly mtimeSec: number | undefined;
}

/** An open computed file: all reads of it belong together, whatever becomes of its inputs. */
export interface Opened {
  look(): Look;
  /** At once where the bytes are there. 0 at the end. */
  read(offset: number, into: Uint8Array, call: Call): number | Promise<Uint8Array>;
  close(): void;
}

/** A file that is computed when it is read. Who computes it is not known here. */
export interface Computed {
  /** Never fails, and takes no longer than a listing may. */
  look(call: Call): Later<Look>;
  open(call: Call): Later<Opened>;
  /** How its contents come about, for people. */
  explain(call: Call): Promise<unknown>;
}

/** The attribute by which the explanation is read: JSON. It is in no list, so that copies do not carry it. */
export const EXPLAIN_XATTR = "user.lux9.explain";

/** Attributes of a computed file: it is read-only, and belongs to whom the file belongs that it comes from. */
export function computedAttr(qid: Qid, from: Attr, look: Look): Attr {
  const mtimeSec = look.mtimeSec ?? from.mtimeSec;
  return {
    ...plainAttr(qid, S.IFREG | (from.mode & 0o444), from.uid as Principal, from.gid as Principal, mtimeSec),
    size: look.size,
    blocks: Math.ceil(look.size / 512),
  };
}

/**
 * A qid.path of its own for what comes from a file, the same as long as that file is, and below those of stored files:
 * `cp -r` takes what is in a folder by these numbers, and must come to the output before it has made the recipe's copy.
 */
export function computedPath(from: Qid["path"], salt: string): number {
  return pathOfText(`${salt}\0${from}`) % 2 ** 52;
}

export function computedQid(path: number, { version }: Look): Qid {
  return { type: Qt.FILE, version, path };
}

export const UNKNOWN: Look = { size: 0, version: 0, mtimeSec: undefined };
