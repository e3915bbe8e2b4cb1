import type { DatabaseSync } from "node:sqlite";
import { ChangeReader, type Copies, type IndexWriter, PastReader } from "../store/mod.ts";
import type { NodeId } from "../tree/mod.ts";
import { COPY_DAYS, type KeeperOptions } from "../volume/mod.ts";
import { Applier } from "./applier.ts";
import { Conflicts } from "./conflicts.ts";
import type { ContentWriter } from "./content_writer.ts";
import { DocumentKeeper } from "./documents.ts";
import { reconcile } from "./reconcile.ts";
import { restore } from "./restore.ts";
import type { Unsettled } from "./unsettled.ts";

const DAY_SEC = 24 * 3600;

export interface IncarnationOptions extends Pick<KeeperOptions, "journal" | "merge" | "copyDays"> {
  readonly db: DatabaseSync;
  readonly index: IndexWriter;
  readonly contents: ContentWriter;
  readonly copies: Copies;
  readonly unsettled: Unsettled;
  /** Seconds since 1970. */
  nowSec(): number;
  /** Whether what was written may as well stay in the log where this keeps it from being settled. */
  leaves(thrown: unknown): boolean;
  /** Told of what cannot be read, and is left as it is. */
  onDamage(reason: string): void;
}

/**
 * All that writes as one author, and knows what is stored of the tree: the documents, and who does operations to them and to the index. Another takes its place where the copy goes on
 * under another name.
 */
export class Incarnation {
  readonly #options: IncarnationOptions;
  readonly documents: DocumentKeeper;
  readonly applier: Applier;
  /** The files that are shown under a conflict name. */
  readonly conflicts: Conflicts;

  constructor(options: IncarnationOptions) {
    this.#options = options;
    const { db, index, contents, copies, unsettled, journal, merge, copyDays, onDamage } = options;
    const documents = this.documents = new DocumentKeeper(db, index, contents, {
      ...{ copies, retentionSec: (copyDays ?? COPY_DAYS) * DAY_SEC, journal, merge },
      nowSec: () => options.nowSec(),
    });
    this.conflicts = new Conflicts(index, documents.tree);
    const past = new PastReader(db);
    const changes = new ChangeReader(db);
    const applier: Applier = this.applier = new Applier({
      ...{ index, unsettled, documents, onDamage },
      contents: (base, spans) => contents.settle(base, spans),
      leaves: (thrown) => options.leaves(thrown),
      restore: (operation, place) =>
        restore(
          { past, changes, index, applier, nextIno: () => documents.nextIno(), onDamage },
          operation,
          place,
        ),
    });
  }

  /** Makes the index show of these nodes what the tree shows. Gives the numbers of the files that are others now. */
  reconcile(nodes: Set<NodeId>, version: number, isHeld: (ino: number) => boolean): Iterable<number> {
    if (nodes.size === 0) return [];
    const { documents, applier } = this;
    const nextIno = () => documents.nextIno();
    const forget = (ino: number) => applier.forget(ino);
    const { index } = this.#options;
    const changed = reconcile({ index, tree: documents.tree, nextIno, version, isHeld, forget }, nodes);
    documents.keepNumber();
    return changed;
  }

  free(): void {
    this.documents.free();
  }
}
