import type { SignedRecord } from "../record/mod.ts";
import { type Author, compareBytes, Malformed } from "../tree/mod.ts";
import { checkAll } from "./check.ts";
import { type Fork, Forks } from "./forks.ts";
import { Hearsay } from "./hearsay.ts";
import {
  type Hello,
  type Message,
  packMessage,
  PROTOCOL,
  type Refuse,
  type Stranger,
  unpackMessage,
} from "./messages.ts";
import type { Ending, Summary, Whose } from "./outcome.ts";
import { BATCH_BYTES, Receiving } from "./receiving.ts";
import type { Refused } from "./refused.ts";
import { SEND_LIMITS, Sending, type SendLimits } from "./sending.ts";
import { Serving } from "./serving.ts";
import { whyStrange } from "./stranger.ts";
import type { SyncStore } from "./sync_store.ts";
import { countChunks, countMessage, Tally } from "./tally.ts";
import { Turns } from "./turns.ts";
import { countMissing, numbersOf, type Vector, vectorOf } from "./vector.ts";
import { absentIn, Lacking, unknownOwn, type Work, workOf } from "./work.ts";

export interface SessionLimits extends SendLimits {
  readonly batchBytes: number;
}

const LIMITS: SessionLimits = { ...SEND_LIMITS, batchBytes: BATCH_BYTES };
/** Records of more authors than that are not refused one by one. */
const REFUSED_MAX = 256;

/** What is known once both sides have said hello. */
interface Meeting {
  readonly peer: Hello;
  readonly own: Vector;
  readonly sending: Sending;
  readonly receiving: Receiving;
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
  readonly #hearsay: Hearsay;
  readonly #forks: Forks;
  #own: Vector | undefined;
  #meeting: Meeting | undefined;
  #work: Work | undefined;
  #lacking: Lacking | undefined;
  #acknowledged = 0;
  #isDoneSaid = false;
  #isDoneHeard = false;
  #ending: Ending | undefined;

  readonly #tally = new Tally();
  readonly #turns = new Turns();

  constructor(store: SyncStore, limits: Partial<SessionLimits> = {}) {
    this.#store = store;
    this.#limits = { ...LIMITS, ...limits };
    this.#serving = new Serving(store);
    this.#hearsay = new Hearsay(store);
    this.#forks = new Forks(store, (message) => this.#urgent.push(message));
  }

  /** How it ended; undefined while it goes on. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** What happened so far. */
  get summary(): Summary {
    return this.#tally.summary;
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
    return this.#turns.take(() => this.#next());
  }

  /** The same, but it waits for something to say; undefined once the session is over. */
  async message(): Promise<Uint8Array | undefined> {
    for (;;) {
      const { news } = this.#turns;
      const bytes = await this.next();
      if (bytes || this.#ending) return bytes;
      if (news === this.#turns.news) await this.#turns.wait();
    }
  }

  /** Takes in a message of the other side. What is wrong with it ends the session, and never throws. */
  async receive(bytes: Uint8Array): Promise<void> {
    await this.#turns.take(async () => {
      if (this.#ending) return;
      countMessage(this.#tally.received, bytes);
      try {
        this.#take(unpackMessage(bytes));
        await this.#advance();
      } catch (thrown) {
        this.#fail(thrown);
      }
    });
    this.#turns.wake();
  }

  /** No more messages will come, or are wanted. */
  async cut(): Promise<void> {
    await this.#turns.take(() => {
      this.#ending ??= { kind: "cut" };
    });
    this.#turns.wake();
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
    countMessage(this.#tally.sent, bytes);
    return bytes;
  }

  #hello(): void {
    const { volume, format, author, key, name } = this.#store.self;
    this.#own = vectorOf(this.#store.authors());
    const statements = this.#hearsay.digest();
    this.#urgent.unshift({
      ...{ kind: "hello", protocol: PROTOCOL, format, volume, author, key, name, statements },
      vector: this.#own,
    });
  }

  #unhurried(): Exclude<Message, Stranger> | undefined {
    const meeting = this.#meeting;
    if (!meeting || this.#forks.isOpen) return undefined;
    if (this.#hearsay.owes) return this.#hearsay.next();
    const chunks = this.#serving.next();
    if (chunks) {
      countChunks(this.#tally.sent, chunks);
      return chunks;
    }
    const records = meeting.sending.next();
    if (records) {
      this.#tally.sent.records += records.records.length;
      this.#tally.sent.recordBytes += records.recordBytes;
      return records;
    }
    return this.#done(meeting);
  }

  #done({ sending, receiving }: Meeting): Message & { kind: "done" } | undefined {
    if (this.#isDoneSaid || this.#hearsay.awaits || this.#work) return undefined;
    if (!sending.isAllAcknowledged || !receiving.isThrough) return undefined;
    const statement = this.#hearsay.last();
    this.#isDoneSaid = true;
    if (this.#isDoneHeard) this.#ending = { kind: "done" };
    return { kind: "done", statement };
  }

  #take(message: Message): void {
    if (message.kind === "refuse") return this.#refusedBy(message);
    if (message.kind === "stranger" || message.kind === "hello") {
      if (this.#meeting) throw new Malformed("It says hello twice");
      const strange = whyStrange(this.#store.self, message);
      if (strange) return this.#refuse(strange.code, strange.reason);
      return this.#meet(message as Hello);
    }
    const meeting = this.#meeting;
    if (!meeting) throw new Malformed("It speaks before it says hello");
    switch (message.kind) {
      case "statements":
        return this.#hearsay.receive(message);
      case "records":
        if (this.#forks.awaitsProof) return this.#forked(this.#forks.judge(message));
        this.#tally.received.recordBytes += meeting.receiving.receive(message);
        this.#tally.received.records += message.records.length;
        return;
      case "ack":
        return meeting.sending.acknowledge(message.count);
      case "want":
        return this.#serving.receive(message);
      case "chunks":
        if (!this.#work) throw new Malformed("Chunks came, and nobody asked for any");
        this.#work.fetching.receive(message);
        return countChunks(this.#tally.received, message);
      case "probe": {
        const fork = this.#forks.probed(message, meeting);
        if (fork) this.#forked(fork);
        return;
      }
      case "done":
        if (this.#isDoneHeard) throw new Malformed("It is done twice");
        this.#isDoneHeard = true;
        if (message.statement) this.#hearsay.learn([message.statement]);
        if (this.#isDoneSaid) this.#ending = { kind: "done" };
    }
  }

  #meet(peer: Hello): void {
    // What is told and what is sent must be one state, also where the other side was the first to speak.
    if (!this.#own) this.#hello();
    const own = this.#own as Vector;
    const [ownNumbers, peerNumbers] = [numbersOf(own), numbersOf(peer.vector)];
    this.#tally.toSend = countMissing(own, peer.vector);
    this.#tally.toReceive = countMissing(peer.vector, own);
    this.#meeting = {
      ...{ peer, own },
      sending: new Sending(this.#store, peerNumbers, ownNumbers, this.#limits),
      receiving: new Receiving(ownNumbers, peerNumbers, this.#limits.batchBytes),
    };
    this.#store.met?.(peer);
    const fork = this.#forks.find(this.#meeting);
    if (fork === "asked") return;
    if (fork) return this.#forked(fork);
    const gone = this.#store.gone(peerNumbers);
    if (gone) return this.#gone(gone, "theirs");
    this.#hearsay.compare(peer.statements);
    this.#lacking = new Lacking(this.#store);
    this.#work = this.#lacking.next();
  }

  #refusedBy({ code, author, number, reason }: Refuse): void {
    if (code === "record" || code === "later") {
      if (!author || !this.#meeting) throw new Malformed("A record is refused, and it is not said which");
      this.#meeting.sending.refuse(author);
      this.#note(this.#tally.refusedByPeer, { author, number, reason, isLater: code === "later" });
      return;
    }
    if (code === "fork" || code === "older" || code === "gone") {
      if (!author) throw new Malformed("It is not said which record it is about");
      if (code === "fork") {
        const isExact = this.#forks.isExactAt(number);
        const lower = isExact ? this.#forks.lower : undefined;
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

  /** Applies what has come, as far as its chunks are here, and asks for those that are not. */
  async #advance(): Promise<void> {
    while (this.#meeting && !this.#ending && !this.#forks.isOpen) {
      const { receiving } = this.#meeting;
      this.#work ??= this.#lacking?.next();
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
    const due = batch.filter(({ record }) => !this.#tally.refused.has(record.author));
    const { good, refused, split } = checkAll(authors, due, { nowSec: store.nowSec(), hashOf });
    if (split) {
      const { author, number, proof: { record } } = split;
      const before = hashOf(author, number - 1);
      const isExact = record.number === number && before !== undefined &&
        compareBytes(before, record.previous) === 0;
      this.#forked({ author, number, isExact, isProven: true });
      return undefined;
    }
    for (const each of refused) this.#refuseRecord(each);
    if (this.#ending) return undefined;
    return workOf(store, good);
  }

  /** The other side has records that this copy wrote, and does not know of. */
  #isOlder(batch: readonly SignedRecord[]): boolean {
    const found = unknownOwn(this.#store, batch);
    if (!found) return false;
    const { author } = found.record;
    const number = (this.#meeting as Meeting).peer.vector.get(author)?.number ?? found.record.number;
    this.#say("older", author, number, `This copy has fewer of its own records than the other one`);
    this.#ending = { kind: "older", whose: "mine", number };
    return true;
  }

  async #apply(work: Work): Promise<void> {
    const absent = absentIn(work);
    this.#tally.absent += absent.length;
    this.#tally.putOff += work.later.length;
    if (work.records.length === 0) {
      this.#tally.absent += await this.#store.healed();
      return;
    }
    const refused = await this.#store.take(work.records, [...absent, ...work.later]);
    for (const each of refused) this.#refuseRecord(each);
  }

  /** The other side has sent all it will: what it said to have and did not send is named. */
  #notePromises({ peer }: Meeting): void {
    const authors = this.#store.authors();
    for (const [author, { number }] of peer.vector) {
      const next = (authors.get(author)?.number ?? 0) + 1;
      if (next > number || this.#tally.refused.has(author)) continue;
      const reason = `Record ${next} of ${author}: the other side said that it has it, and did not send it`;
      this.#note(this.#tally.refused, { author, number: next, reason, isLater: true });
    }
  }

  #refuseRecord(refused: Refused): void {
    const { author, number, reason, isLater } = refused;
    this.#note(this.#tally.refused, refused);
    if (!this.#ending) this.#say(isLater ? "later" : "record", author, number, reason);
  }

  #note(list: Map<Author, Refused>, refused: Refused): void {
    if (!list.has(refused.author)) list.set(refused.author, refused);
    if (list.size <= REFUSED_MAX) return;
    this.#refuse("message", `Records of more than ${REFUSED_MAX} authors are refused`);
  }

  #forked({ author, number, isExact, isProven }: Fork): void {
    const from = isExact ? `record ${number}` : `record ${number}, or before`;
    this.#say("fork", author, number, `Two copies have one identity, ${author}: they differ from ${from}`);
    this.#ending = {
      ...{ kind: "fork", author, whose: this.#whose(author), number, isExact, isProven },
      lower: this.#forks.lower,
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
