import { type SignedRecord, unpackRecord, verifySignature } from "../record/mod.ts";
import { type Author, compareBytes, Malformed } from "../tree/mod.ts";
import { checkAll } from "./check.ts";
import { contentsIn } from "./contents.ts";
import { Fetching } from "./fetching.ts";
import { ForkSearch } from "./fork_search.ts";
import {
  FILL_BYTES,
  type Hello,
  type Message,
  packMessage,
  PROTOCOL,
  type Records,
  type Refuse,
  type Statements,
  type Stranger,
  unpackMessage,
} from "./messages.ts";
import { type Ending, nothingMoved, type Summary, type Whose } from "./outcome.ts";
import { BATCH_BYTES, Receiving } from "./receiving.ts";
import type { Refused } from "./refused.ts";
import { SEND_LIMITS, Sending, type SendLimits } from "./sending.ts";
import { Serving } from "./serving.ts";
import { digestOf, isNewer, isSigned, packStatement, speakerOf, type Statement } from "./statement.ts";
import type { Piece, Stored, SyncStore } from "./sync_store.ts";
import { AUTHORS_MAX, countMissing, type Head, numbersOf, type Vector } from "./vector.ts";

export interface SessionLimits extends SendLimits {
  readonly batchBytes: number;
}

const LIMITS: SessionLimits = { ...SEND_LIMITS, batchBytes: BATCH_BYTES };
/** Chunks that are lacking are asked for so many at a time, with all that is in them. */
const LACKING_AT_ONCE = 4096;
/** Records of more authors than that are not refused one by one. */
const REFUSED_MAX = 256;

/** What is known once both sides have said hello. */
interface Meeting {
  readonly peer: Hello;
  readonly own: Vector;
  readonly sending: Sending;
  readonly receiving: Receiving;
}

/** Records that are about to be applied, and the chunks that they need; without records, what is to be healed. */
interface Work {
  readonly records: readonly SignedRecord[];
  readonly contents: readonly Stored[];
  /** Contents that nothing is asked for yet. */
  readonly later: readonly Stored[];
  readonly fetching: Fetching;
}

/**
 * One exchange of a copy with another one, the same on both sides: messages in, messages out. Each tells what it has, sends what the other lacks, and asks for chunks
 * that it needs before it applies what names them.
 *
 * Messages must come whole and in order; where one is lost or comes twice, the session ends with less, never with anything wrong, and so it may be cut off at any time. What
 * was acknowledged is durable, and the next session goes on from there.
 *
 * Calls take turns: while records are applied, `next` waits.
 */
export class Session {
  readonly #store: SyncStore;
  readonly #limits: SessionLimits;
  readonly #serving: Serving;
  /** Said before anything else. */
  readonly #urgent: Exclude<Message, Stranger>[] = [];
  /** What this copy knew of all when it said hello. */
  #ownStatements: readonly Statement[] = [];
  #statementsToSend: Statement[] = [];
  #owesStatements = false;
  #awaitsStatements = true;
  #statementsHeard = 0;
  #own: Vector | undefined;
  #meeting: Meeting | undefined;
  #search: ForkSearch | undefined;
  /** Both sides know from where on they differ, and the other one is to tell its record there. */
  #awaitsProof = false;
  #work: Work | undefined;
  #lacking: Iterator<Piece> | undefined;
  #acknowledged = 0;
  #isDoneSaid = false;
  #isDoneHeard = false;
  #ending: Ending | undefined;

  readonly #sent = nothingMoved();
  readonly #received = nothingMoved();
  readonly #refused = new Map<Author, Refused>();
  readonly #refusedByPeer = new Map<Author, Refused>();
  #absent = 0;
  #putOff = 0;
  #toSend = 0;
  #toReceive = 0;

  #turn: Promise<unknown> = Promise.resolve();
  /** Goes up with all that may give the other side something to hear. */
  #news = 0;
  #waiting: (() => void)[] = [];

  constructor(store: SyncStore, limits: Partial<SessionLimits> = {}) {
    this.#store = store;
    this.#limits = { ...LIMITS, ...limits };
    this.#serving = new Serving(store);
  }

  /** How it ended; undefined while it goes on. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** What happened so far. */
  get summary(): Summary {
    return {
      sent: this.#sent,
      received: this.#received,
      toSend: this.#toSend,
      toReceive: this.#toReceive,
      refused: [...this.#refused.values()],
      refusedByPeer: [...this.#refusedByPeer.values()],
      absent: this.#absent,
      putOff: this.#putOff,
    };
  }

  /**
   * Who is at the other end, as it says itself, and nobody has checked; undefined before its first message. From then on `summary` tells how much there is to send and to receive,
   * so that whoever wants to know no more cuts the session here.
   */
  get peer(): Pick<Hello, "name" | "key" | "author"> | undefined {
    return this.#meeting?.peer;
  }

  /** The next message for the other side; undefined where there is nothing to say before something comes, or at all. */
  next(): Promise<Uint8Array | undefined> {
    return this.#inTurn(() => this.#next());
  }

  /** The same, but it waits for something to say; undefined once the session is over. */
  async message(): Promise<Uint8Array | undefined> {
    for (;;) {
      const news = this.#news;
      const bytes = await this.next();
      if (bytes || this.#ending) return bytes;
      if (news === this.#news) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Takes in a message of the other side. What is wrong with it ends the session, and never throws. */
  async receive(bytes: Uint8Array): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#ending) return;
      this.#received.messages++;
      this.#received.bytes += bytes.length;
      try {
        this.#take(unpackMessage(bytes));
        await this.#advance();
      } catch (thrown) {
        this.#fail(thrown);
      }
    });
    this.#wake();
  }

  /** No more messages will come, or are wanted. */
  async cut(): Promise<void> {
    await this.#inTurn(() => {
      this.#ending ??= { kind: "cut" };
    });
    this.#wake();
  }

  #inTurn<T>(step: () => Promise<T> | T): Promise<T> {
    const result = this.#turn.then(step);
    this.#turn = result.catch(() => {});
    return result;
  }

  #wake(): void {
    this.#news++;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #next(): Uint8Array | undefined {
    if (!this.#own && !this.#ending) {
      try {
        this.#hello();
      } catch (thrown) {
        this.#fail(thrown);
      }
    }
    let message: Exclude<Message, Stranger> | undefined;
    try {
      message = this.#urgent.shift() ?? (this.#ending ? undefined : this.#unhurried());
    } catch (thrown) {
      this.#fail(thrown);
      message = this.#urgent.shift();
    }
    if (!message) return undefined;
    const bytes = packMessage(message);
    this.#sent.messages++;
    this.#sent.bytes += bytes.length;
    return bytes;
  }

  #hello(): void {
    const { volume, format, author, key, name } = this.#store.self;
    const own = vectorOf(this.#store);
    this.#own = own;
    this.#ownStatements = this.#store.statements();
    const statements = digestOf(this.#ownStatements);
    this.#urgent.unshift({
      ...{ kind: "hello", protocol: PROTOCOL, format, volume, author, key, name, statements },
      vector: own,
    });
  }

  #unhurried(): Exclude<Message, Stranger> | undefined {
    const meeting = this.#meeting;
    if (!meeting || this.#search) return undefined;
    if (this.#owesStatements) return this.#nextStatements();
    const chunks = this.#serving.next();
    if (chunks) {
      for (const { bytes } of chunks.chunks) {
        if (!bytes) continue;
        this.#sent.chunks++;
        this.#sent.chunkBytes += bytes.length;
      }
      return chunks;
    }
    const records = meeting.sending.next();
    if (records) {
      this.#sent.records += records.records.length;
      this.#sent.recordBytes += records.recordBytes;
      return records;
    }
    return this.#done(meeting);
  }

  #done({ sending, receiving }: Meeting): Message & { kind: "done" } | undefined {
    if (this.#isDoneSaid || this.#awaitsStatements || this.#work) return undefined;
    if (!sending.isAllAcknowledged || !receiving.isThrough) return undefined;
    const self = speakerOf(this.#store.self);
    const said = this.#ownStatements.find((each) => speakerOf(each) === self);
    const statement = this.#store.statements().find((each) => speakerOf(each) === self);
    const isNew = statement && (!said || isNewer(statement, said));
    this.#isDoneSaid = true;
    if (this.#isDoneHeard) this.#ending = { kind: "done" };
    return { kind: "done", statement: isNew ? statement : undefined };
  }

  #nextStatements(): Statements {
    const statements: Statement[] = [];
    let bytes = 0;
    while (this.#statementsToSend.length > 0 && bytes < FILL_BYTES) {
      const statement = this.#statementsToSend.shift() as Statement;
      bytes += packStatement(statement).length;
      statements.push(statement);
    }
    this.#owesStatements = this.#statementsToSend.length > 0;
    return { kind: "statements", statements, isLast: !this.#owesStatements };
  }

  #take(message: Message): void {
    if (message.kind === "refuse") return this.#refusedBy(message);
    if (message.kind === "stranger" || message.kind === "hello") {
      if (this.#meeting) throw new Malformed("It says hello twice");
      return this.#meet(message);
    }
    const meeting = this.#meeting;
    if (!meeting) throw new Malformed("It speaks before it says hello");
    switch (message.kind) {
      case "statements":
        if (!this.#awaitsStatements) throw new Malformed("Statements came, and nobody asked for them");
        this.#learn(message.statements);
        if (message.isLast) this.#awaitsStatements = false;
        return;
      case "records":
        if (this.#search && this.#awaitsProof) return this.#judge(this.#search, message);
        this.#received.recordBytes += meeting.receiving.receive(message);
        this.#received.records += message.records.length;
        return;
      case "ack":
        return meeting.sending.acknowledge(message.count);
      case "want":
        return this.#serving.receive(message);
      case "chunks":
        if (!this.#work) throw new Malformed("Chunks came, and nobody asked for any");
        this.#work.fetching.receive(message);
        for (const { bytes } of message.chunks) {
          if (!bytes) continue;
          this.#received.chunks++;
          this.#received.chunkBytes += bytes.length;
        }
        return;
      case "probe": {
        const search = this.#search ??= this.#searchFor(message.author, meeting);
        if (message.author !== search.author) throw new Malformed("It looks for two forks at once");
        const isNarrower = search.narrow(message);
        // Of two that began at once.
        if (this.#awaitsProof) return;
        // Also at the end, so that both sides know both hashes.
        this.#urgent.push(search.probe());
        if (search.isExact) {
          this.#awaitsProof = true;
          this.#urgent.push(this.#proofOf(search));
        } else if (!isNarrower) this.#forked(search.author, search.number, false, false);
        return;
      }
      case "done":
        if (this.#isDoneHeard) throw new Malformed("It is done twice");
        this.#isDoneHeard = true;
        if (message.statement) this.#learn([message.statement]);
        if (this.#isDoneSaid) this.#ending = { kind: "done" };
    }
  }

  #meet(peer: Hello | Stranger): void {
    const { self } = this.#store;
    if (peer.kind === "stranger") {
      const newer = peer.protocol > PROTOCOL ? "update this one" : "update it";
      return this.#refuse(
        "protocol",
        `The other program speaks protocol ${peer.protocol} of copies, and this one ${PROTOCOL}: ${newer}`,
      );
    }
    if (peer.format !== self.format) {
      const newer = peer.format > self.format ? "update this program" : "update that program";
      return this.#refuse(
        "format",
        `The other copy has format ${peer.format} of volumes, and this one ${self.format}: ${newer}`,
      );
    }
    if (compareBytes(peer.volume, self.volume) !== 0) {
      return this.#refuse("volume", "The other side has another volume");
    }
    // What is told and what is sent must be one state, also where the other side was the first to speak.
    if (!this.#own) this.#hello();
    const own = this.#own as Vector;
    const [ownNumbers, peerNumbers] = [numbersOf(own), numbersOf(peer.vector)];
    this.#toSend = countMissing(own, peer.vector);
    this.#toReceive = countMissing(peer.vector, own);
    this.#meeting = {
      ...{ peer, own },
      sending: new Sending(this.#store, peerNumbers, ownNumbers, this.#limits),
      receiving: new Receiving(ownNumbers, peerNumbers, this.#limits.batchBytes),
    };
    this.#store.met?.(peer);
    if (this.#findFork(this.#meeting)) return;
    const gone = this.#store.gone(peerNumbers);
    if (gone) return this.#gone(gone, "theirs");
    this.#awaitsStatements = compareBytes(peer.statements, digestOf(this.#ownStatements)) !== 0;
    this.#owesStatements = this.#awaitsStatements;
    if (this.#owesStatements) this.#statementsToSend = [...this.#ownStatements];
    this.#lacking = this.#store.lacking()[Symbol.iterator]();
    this.#work = this.#nextLacking();
  }

  /** What is lacking comes before records, which may be merged with it. */
  #nextLacking(): Work | undefined {
    const pieces: Piece[] = [];
    while (this.#lacking && pieces.length < LACKING_AT_ONCE) {
      const { done, value } = this.#lacking.next();
      if (done) this.#lacking = undefined;
      else pieces.push(value);
    }
    if (pieces.length === 0) return undefined;
    return { records: [], contents: [], later: [], fetching: new Fetching(this.#store, pieces) };
  }

  /** Looks for an author of whom the two sides have different records, those of their own first. */
  #findFork({ peer, own }: Meeting): boolean {
    const { author } = this.#store.self;
    const differs = ({ number, hash }: Head, each: Author) => {
      const known = this.#store.hashOf(each, number);
      return known !== undefined && compareBytes(known, hash) !== 0;
    };
    const forked = [...peer.vector].filter(([each, head]) => differs(head, each)).map(([each]) => each)
      .sort();
    const first = [author, peer.author].find((each) => forked.includes(each)) ?? forked[0];
    if (first !== undefined) {
      const { number } = peer.vector.get(first) as Head;
      this.#search = new ForkSearch(first, number, (each, at) => this.#store.hashOf(each, at));
      this.#urgent.push(this.#search.probe());
      return true;
    }
    if (peer.author !== author) return false;
    const [mine, theirs] = [own, peer.vector].map((vector) => vector.get(author)?.number ?? 0);
    // Whether its records begin with those of this copy, only the other side knows, and says so.
    if (mine < theirs) return true;
    this.#forked(author, Math.min(mine, theirs) + 1, true, false);
    return true;
  }

  #searchFor(author: Author, { own, peer }: Meeting): ForkSearch {
    const heads = [own, peer.vector].map((vector) => vector.get(author)?.number ?? 0);
    const number = Math.min(...heads);
    if (number === 0) throw new Malformed(`It looks for a fork of ${author}, of whom one side has nothing`);
    return new ForkSearch(author, number, (each, at) => this.#store.hashOf(each, at));
  }

  /** The record of this copy from which on the two sides differ, or none where it is not here any more. */
  #proofOf({ author, number }: ForkSearch): Records {
    const after = numbersOf(vectorOf(this.#store)).set(author, number - 1);
    const { records } = this.#store.records(after, 0, 1);
    const own = records.filter((each) => each.author === author && each.number === number);
    return { kind: "records", records: own.map(({ bytes }) => bytes), isLast: true };
  }

  /** The other side told its record from which on the two differ: whoever made up a hash has none that is signed. */
  #judge(search: ForkSearch, { records }: Records): void {
    const signed = records.length > 0 ? unpackRecord(records[0]) : undefined;
    const key = this.#store.authors().get(search.author)?.key;
    const isProven = signed !== undefined && key !== undefined &&
      verifySignature(key, signed.hash, signed.signature) && search.prove(signed);
    this.#forked(search.author, search.number, true, isProven);
  }

  #refusedBy({ code, author, number, reason }: Refuse): void {
    if (code === "record" || code === "later") {
      if (!author || !this.#meeting) throw new Malformed("A record is refused, and it is not said which");
      this.#meeting.sending.refuse(author);
      this.#note(this.#refusedByPeer, { author, number, reason, isLater: code === "later" });
      return;
    }
    if (code === "fork" || code === "older" || code === "gone") {
      if (!author) throw new Malformed("It is not said which record it is about");
      if (code === "fork") {
        const isExact = this.#search?.isExact === true && this.#search.number === number;
        const lower = isExact ? this.#search?.lower : undefined;
        this.#ending = {
          kind: code,
          author,
          whose: this.#whose(author),
          number,
          isExact,
          isProven: false,
          lower,
        };
      } else if (code === "older") this.#ending = { kind: code, whose: "theirs", number };
      else this.#ending = { kind: code, whose: "mine", author, number };
      return;
    }
    this.#ending = { kind: "refused", by: "them", code, reason };
  }

  #learn(statements: readonly Statement[]): void {
    this.#statementsHeard += statements.length;
    if (this.#statementsHeard > AUTHORS_MAX) {
      throw new Malformed(
        `${this.#statementsHeard} copies say what they have, and at most ${AUTHORS_MAX} do`,
      );
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

  /** Applies what has come, as far as its chunks are here, and asks for those that are not. */
  async #advance(): Promise<void> {
    while (this.#meeting && !this.#ending && !this.#search) {
      const { receiving } = this.#meeting;
      this.#work ??= this.#nextLacking();
      if (!this.#work) {
        if (receiving.isThrough) this.#notePromises(this.#meeting);
        const batch = receiving.next();
        if (batch.length === 0) break;
        this.#work = this.#prepare(batch);
        if (!this.#work) break;
      }
      const want = this.#work.fetching.ask();
      if (want) this.#urgent.push(want);
      if (!this.#work.fetching.isThrough) break;
      await this.#apply(this.#work);
      this.#work = undefined;
      if (receiving.count > this.#acknowledged) {
        this.#acknowledged = receiving.count;
        this.#urgent.push({ kind: "ack", count: receiving.count });
      }
    }
  }

  /** Checks records before anything is fetched for them. */
  #prepare(batch: readonly SignedRecord[]): Work | undefined {
    const store = this.#store;
    const authors = store.authors().fork();
    if (this.#isOlder(batch)) return undefined;
    const hashOf = (author: Author, number: number) => store.hashOf(author, number);
    const due = batch.filter(({ record }) => !this.#refused.has(record.author));
    const { good, refused, split } = checkAll(authors, due, { nowSec: store.nowSec(), hashOf });
    if (split) {
      const { author, number, proof: { record } } = split;
      const before = hashOf(author, number - 1);
      const isExact = record.number === number && before !== undefined &&
        compareBytes(before, record.previous) === 0;
      this.#forked(author, number, isExact, true);
      return undefined;
    }
    for (const each of refused) this.#refuseRecord(each);
    if (this.#ending) return undefined;
    const named = contentsIn(good.map(({ incoming }) => incoming.changes));
    const later = named.filter((content) => store.putsOff?.(content));
    const contents = later.length === 0 ? named : named.filter((content) => !store.putsOff?.(content));
    const roots = contents.map((content) => store.pieceOf(content));
    return {
      records: good.map(({ signed }) => signed),
      ...{ contents, later },
      fetching: new Fetching(store, roots),
    };
  }

  /** The other side has records that this copy wrote, and does not know of. */
  #isOlder(batch: readonly SignedRecord[]): boolean {
    const { author, key } = this.#store.self;
    const head = this.#store.authors().get(author);
    const found = batch.find(({ record }) => record.author === author && record.number > (head?.number ?? 0));
    if (!found || !verifySignature(key, found.hash, found.signature)) return false;
    if (head && found.record.number === head.number + 1) {
      // Two that both went on from the same record are dealt with as a fork.
      if (compareBytes(found.record.previous, head.hash) !== 0) return false;
    }
    const number = (this.#meeting as Meeting).peer.vector.get(author)?.number ?? found.record.number;
    this.#say("older", author, number, `This copy has fewer of its own records than the other one`);
    this.#ending = { kind: "older", whose: "mine", number };
    return true;
  }

  async #apply({ records, contents, later, fetching }: Work): Promise<void> {
    const absent = contents.filter((_, i) => fetching.absent.has(i));
    this.#absent += absent.length;
    this.#putOff += later.length;
    if (records.length === 0) return await this.#store.healed();
    for (const each of await this.#store.take(records, [...absent, ...later])) this.#refuseRecord(each);
  }

  /** The other side has sent all it will: what it said to have and did not send is named. */
  #notePromises({ peer }: Meeting): void {
    const authors = this.#store.authors();
    for (const [author, { number }] of peer.vector) {
      const next = (authors.get(author)?.number ?? 0) + 1;
      if (next > number || this.#refused.has(author)) continue;
      const reason = `Record ${next} of ${author}: the other side said that it has it, and did not send it`;
      this.#note(this.#refused, { author, number: next, reason, isLater: true });
    }
  }

  #refuseRecord(refused: Refused): void {
    const { author, number, reason, isLater } = refused;
    this.#note(this.#refused, refused);
    if (!this.#ending) this.#say(isLater ? "later" : "record", author, number, reason);
  }

  #note(list: Map<Author, Refused>, refused: Refused): void {
    if (!list.has(refused.author)) list.set(refused.author, refused);
    if (list.size <= REFUSED_MAX) return;
    this.#refuse("message", `Records of more than ${REFUSED_MAX} authors are refused`);
  }

  #forked(author: Author, number: number, isExact: boolean, isProven: boolean): void {
    const from = isExact ? `record ${number}` : `record ${number}, or before`;
    this.#say("fork", author, number, `Two copies have one identity, ${author}: they differ from ${from}`);
    this.#ending = {
      ...{ kind: "fork", author, whose: this.#whose(author), number, isExact, isProven },
      lower: this.#search?.lower,
    };
  }

  #gone({ author, number }: { readonly author: Author; readonly number: number }, whose: Whose): void {
    this.#say(
      "gone",
      author,
      number,
      `Record ${number} of ${author}, which the other copy lacks, was let go of`,
    );
    this.#ending = { kind: "gone", whose, author, number };
  }

  #whose(author: Author): Whose {
    if (author === this.#store.self.author) return "mine";
    return author === this.#meeting?.peer.author ? "theirs" : "other";
  }

  #refuse(code: Extract<Ending, { kind: "refused" }>["code"], reason: string, thrown?: unknown): void {
    this.#urgent.length = 0;
    this.#say(code, undefined, 0, reason);
    this.#ending ??= { kind: "refused", by: "us", code, reason, ...thrown === undefined ? {} : { thrown } };
  }

  #say(code: Refuse["code"], author: Author | undefined, number: number, reason: string): void {
    this.#urgent.push({ kind: "refuse", code, author, number, reason });
  }

  #fail(thrown: unknown): void {
    if (this.#ending) return;
    if (thrown instanceof Malformed) return this.#refuse("message", thrown.message);
    this.#refuse("failed", thrown instanceof Error ? thrown.message : String(thrown), thrown);
  }
}

function vectorOf(store: SyncStore): Vector {
  return new Map(
    Array.from(store.authors().entries(), ([author, { number, hash }]) => [author, { number, hash }]),
  );
}
