import { compareBytes, Malformed } from "../tree/mod.ts";
import { FILL_BYTES, type Statements } from "./messages.ts";
import { digestOf, isNewer, isSigned, packStatement, speakerOf, type Statement } from "./statement.ts";
import type { SyncStore } from "./sync_store.ts";
import { AUTHORS_MAX } from "./vector.ts";

/** What copies say to have, told to each other in a session by two that do not know the same of them. */
export class Hearsay {
  readonly #store: Pick<SyncStore, "self" | "authors" | "statements" | "learn">;
  /** What this copy knew of all when it said hello. */
  #own: readonly Statement[] = [];
  #toSend: Statement[] = [];
  #owes = false;
  #awaits = true;
  #heard = 0;

  constructor(store: Pick<SyncStore, "self" | "authors" | "statements" | "learn">) {
    this.#store = store;
  }

  /** Whether this side has still to tell some, and the other one. */
  get owes(): boolean {
    return this.#owes;
  }

  get awaits(): boolean {
    return this.#awaits;
  }

  /** A digest of what this copy knows now. */
  digest(): Uint8Array {
    this.#own = this.#store.statements();
    return digestOf(this.#own);
  }

  /** The other side told its digest: where it is another, each tells all that it knows. */
  compare(digest: Uint8Array): void {
    this.#awaits = compareBytes(digest, digestOf(this.#own)) !== 0;
    this.#owes = this.#awaits;
    if (this.#owes) this.#toSend = [...this.#own];
  }

  next(): Statements {
    const statements: Statement[] = [];
    let bytes = 0;
    while (this.#toSend.length > 0 && bytes < FILL_BYTES) {
      const statement = this.#toSend.shift() as Statement;
      bytes += packStatement(statement).length;
      statements.push(statement);
    }
    this.#owes = this.#toSend.length > 0;
    return { kind: "statements", statements, isLast: !this.#owes };
  }

  /** What this copy says of itself at the end, where it has more by then. */
  last(): Statement | undefined {
    const self = speakerOf(this.#store.self);
    const said = this.#own.find((each) => speakerOf(each) === self);
    const statement = this.#store.statements().find((each) => speakerOf(each) === self);
    const isNew = statement && (!said || isNewer(statement, said));
    return isNew ? statement : undefined;
  }

  /** Throws Malformed for what nobody asked for, as `learn` does for what is wrong. */
  receive({ statements, isLast }: Statements): void {
    if (!this.#awaits) throw new Malformed("Statements came, and nobody asked for them");
    this.learn(statements);
    if (isLast) this.#awaits = false;
  }

  /** Takes note of those that are newer than what is known. */
  learn(statements: readonly Statement[]): void {
    this.#heard += statements.length;
    if (this.#heard > AUTHORS_MAX) {
      throw new Malformed(`${this.#heard} copies say what they have, and at most ${AUTHORS_MAX} do`);
    }
    const known = new Map(this.#store.statements().map((each) => [speakerOf(each), each]));
    const authors = this.#store.authors();
    const self = speakerOf(this.#store.self);
    for (const each of statements) {
      const speaker = speakerOf(each);
      const before = known.get(speaker);
      const key = authors.get(each.author)?.key;
      if (key && compareBytes(key, each.key) !== 0) continue;
      if (speaker === self || before && !isNewer(each, before)) continue;
      if (!isSigned(each)) throw new Malformed("What a copy says to have is not signed by it");
      this.#store.learn(each);
    }
  }
}
