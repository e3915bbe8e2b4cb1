import { decodeDescriptor, type Descriptor } from "../chunks/mod.ts";
import type { AbsentRows, Copies, FoundRow, IndexWriter } from "../store/mod.ts";
import type { DemandStore, Refused, Stored, SyncStore } from "../sync/mod.ts";
import type { NodeId } from "../tree/mod.ts";
import type { News } from "../volume/mod.ts";
import type { ContentWriter } from "./content_writer.ts";
import { CopyStore, type CopyStoreOptions } from "./copy_store.ts";
import type { DocumentKeeper } from "./documents.ts";
import type { ContentsChoice } from "./exchange_words.ts";
import type { FetchedChunks } from "./fetched.ts";
import type { OtherState } from "./merged_state.ts";
import { Rejoin } from "./rejoin.ts";

const ROOT_INO = 1;
/** Of `meta`: when contents come here; and 1 where something that was absent has come since that was last looked at. */
export const CHOICE = "contents";
const FOUND = "found";

/** As whom a copy is seen by another one. `contents`: what it does from now on. */
export type CopyOptions =
  & Pick<CopyStoreOptions, "name" | "heals" | "take">
  & { readonly contents?: ContentsChoice };

/** What it has of the Keeper, whose transactions these are. */
export interface CopyKeeperOptions {
  readonly index: IndexWriter;
  readonly contents: ContentWriter;
  readonly copies: Copies;
  readonly absent: AbsentRows;
  readonly fetched: FetchedChunks;
  /** Others where the copy goes on under another name. */
  documents(): DocumentKeeper;
  /** Seconds since 1970. */
  nowSec(): number;
  /** Makes versions of what was written, in a transaction of its own. */
  settleAll(): void;
  /** A transaction and a record of history. */
  within(act: () => void): void;
  /** Something small, in a transaction of its own. */
  write(act: () => void): void;
  /** Makes the index show of these nodes what the tree shows. `held`: files that somebody has open. */
  reconcile(nodes: Set<NodeId>, version: number, held: ReadonlySet<number>): void;
  makeDurable(): void;
  /** Makes durable what was committed, and notes that others may have it from now on. */
  beShared(): void;
}

/** One copy of a volume among the others: how they see it, and what it takes in of them. */
export class CopyKeeper {
  readonly #options: CopyKeeperOptions;

  constructor(options: CopyKeeperOptions) {
    this.#options = options;
  }

  /** As an exchange with another one sees it, until something fails here. */
  store({ contents: choice, ...options }: CopyOptions): SyncStore & Disposable {
    const { index, contents, copies, absent, fetched, nowSec, beShared, write } = this.#options;
    const before = index.meta(CHOICE) ?? "whole";
    if (choice !== undefined && choice !== before) write(() => index.setMeta(CHOICE, choice));
    return new CopyStore({
      ...{ ...options, index, contents, copies, absent, fetched, nowSec, write },
      documents: this.#options.documents(),
      isOnDemand: (choice ?? before) === "on-demand",
      durable: beShared,
    });
  }

  /** As others are asked on its behalf for what somebody reads. What is put is referred to already. */
  get demandStore(): DemandStore {
    const { contents, fetched } = this.#options;
    return {
      lackingOf: ({ descriptor, start, end, withLists }) => {
        fetched.flush();
        return contents.reader.lacking(decodeDescriptor(descriptor), start, end, withLists);
      },
      putChunk: (id, bytes) => fetched.put(id, bytes, undefined),
      chunk: (id) => contents.chunk(id),
    };
  }

  /** Lets a new copy in, whose public key this is, for good. What it is told then is durable here. */
  letIn(key: Uint8Array): void {
    const { copies, index, nowSec, within, documents, beShared } = this.#options;
    if (!copies.has(key)) within(() => documents().letIn(key, index.seq, nowSec()));
    beShared();
  }

  /**
   * Takes in what others changed, in one transaction, after everything that is logged: `version` is that of its last
   * operation, and `held` are files that somebody has open. Says which records were refused, and why.
   */
  receive(news: News, version: number, held: ReadonlySet<number>): readonly Refused[] {
    const { index, contents, fetched, documents, nowSec, within, settleAll, reconcile, makeDurable } =
      this.#options;
    fetched.enter();
    settleAll();
    let refused: readonly Refused[] = [];
    within(() => {
      for (const chunk of news.chunks) contents.putChunk(chunk);
      const received = documents().receive(news.records, index.seq, nowSec());
      refused = received.refused;
      this.#noteAbsent(news.absent ?? []);
      const hasCome = index.meta(FOUND) === 1 || news.records.length === 0;
      if (hasCome) index.setMeta(FOUND, 0);
      const nodes = hasCome ? received.nodes.union(documents().mergeAgain()) : received.nodes;
      const isGone = (content: Uint8Array) => contents.lacks(content);
      const ended = documents().resolveOwn(received.edges, isGone, index.seq, nowSec());
      reconcile(nodes.union(ended), version, held);
    });
    // What comes next in the log is about files that there are by this alone.
    makeDurable();
    return refused;
  }

  /** What is to take another copy's state for this one. */
  rejoin(folder: string): Rejoin {
    const { author, key, journal } = this.#options.documents();
    return new Rejoin({
      ...{ folder, volume: String(this.#options.index.meta("volume")), self: { author, key }, journal },
      store: this.#alone(),
    });
  }

  /**
   * Takes in everything that another copy has, in one transaction: what either side has and the other has not seen is there. How it was before is a snapshot. `version` and `held` are as with
   * `receive`.
   */
  merge(state: OtherState, absent: readonly Stored[], version: number, held: ReadonlySet<number>): void {
    const { index, fetched, documents, nowSec, within, settleAll, reconcile, makeDurable } = this.#options;
    fetched.enter();
    settleAll();
    within(() => {
      const sec = nowSec();
      const name = `before-rejoin-${new Date(sec * 1000).toISOString().slice(0, 19).replaceAll(":", "-")}`;
      index.addSnapshot(name, sec, index.node(ROOT_INO)!.uid);
    });
    within(() => {
      const nodes = documents().merge(state, index.seq, nowSec());
      this.#noteAbsent(absent);
      index.setMeta(FOUND, 0);
      reconcile(nodes.union(documents().mergeAgain()), version, held);
    });
    makeDurable();
  }

  /** What was absent is here: what is in it may be absent in its place, and texts be merged with it. */
  noteFound({ isLater, ...piece }: FoundRow): void {
    this.#options.index.setMeta(FOUND, 1);
    if (piece.depth > 0) this.#noteLacking(piece, isLater);
  }

  /** Contents of which something is not here. */
  #noteAbsent(contents: readonly Stored[]): void {
    const store = this.#alone();
    for (const content of contents) {
      const piece = store.pieceOf(content);
      if (piece) this.#noteLacking(piece, store.putsOff!(content));
    }
  }

  #noteLacking(piece: Descriptor, isLater: boolean): void {
    const { contents, absent } = this.#options;
    for (const each of contents.reader.lacking(piece)) absent.add(each, isLater);
  }

  /** As it looks at itself. */
  #alone(): SyncStore & Disposable {
    return this.store({ name: "", heals: false, take: () => Promise.resolve([]) });
  }
}
