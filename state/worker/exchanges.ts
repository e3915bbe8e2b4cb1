import { Buffer } from "node:buffer";
import { NineError, reasonOf } from "../../9p/mod.ts";
import type { SignedRecord } from "../record/mod.ts";
import {
  type Demand,
  Demands,
  type DemandStore,
  type Ending,
  packMessage,
  type Refused,
  Serving,
  Session,
  type Stored,
  type SyncStore,
  unpackMessage,
} from "../sync/mod.ts";
import type { Author } from "../tree/mod.ts";
import { FRAME, type FromWorker, type ToWorker } from "../volume/mod.ts";
import type { Conflict } from "./conflicts.ts";
import type { OtherState } from "./merged_state.ts";
import type { Rejoin } from "./rejoin.ts";
import type { CopyOptions } from "./copy_keeper.ts";
import { type PackPlace, parseFrom, STATE, stateMessage } from "./state_words.ts";
import type { StateSource } from "./state_source.ts";
import { type Next, parseWish, type Told, type Wish } from "./exchange_words.ts";

export interface ExchangesOptions {
  /** This copy as it is now. */
  store(options: CopyOptions): SyncStore & Disposable;
  /** The same as it is asked for what somebody reads. */
  demandStore: DemandStore;
  /** `all`: also those that only a name tells of. */
  conflicts(all: boolean): readonly Conflict[];
  /** This copy's state at a moment at which all is in it, with the copy let in whose key this is. */
  clone(key: Uint8Array): Promise<StateSource>;
  /** Makes versions of what was written to files that are open. */
  settle(): Promise<void>;
  take(records: readonly SignedRecord[], absent: readonly Stored[]): Promise<readonly Refused[]>;
  /** The same as it is for a copy that rejoins. */
  state(): Promise<StateSource>;
  /** What takes another copy's state for this one. */
  rejoin(): Rejoin;
  /** Takes it in, with contents that are nowhere. */
  merge(state: OtherState, absent: readonly Stored[], id: number): Promise<void>;
  /** Does what has to be done after an exchange of this copy, as `self`, that ended so; and says what comes next. */
  putRight(ending: Ending, self: Author, id: number): Promise<Next | undefined>;
  post(message: FromWorker): void;
}

/** What is said is made only as it is read: no more than so many bytes wait. */
const UNREAD_BYTES_MAX = 4 * 1024 * 1024;
/** For so long nothing else is done while a state is told. */
const PAUSE_MS = 10;
/** Conflicts that are told in one frame: paths may be long. */
const TOLD_AT_ONCE = 100;
/** How often whoever carries an exchange is told how far it is. */
const PROGRESS_MS = 200;

/** Before all contents. */
const NOWHERE: PackPlace = { pack: 0, offset: 0 };

interface Exchange {
  readonly id: number;
  session: Session | undefined;
  /** It ends as soon as it is known how much there is to exchange. */
  isDry: boolean;
  /** What it tells another copy of this one's whole state from. */
  source: Promise<StateSource> | undefined;
  /** Takes messages where that is no session. */
  hears: ((message: Uint8Array) => Promise<void>) | undefined;
  whenForgotten: (() => void) | undefined;
  unread: number;
  whenRead: (() => void) | undefined;
  /** Frames are taken one after the other. */
  turn: Promise<void>;
  progress: ReturnType<typeof setInterval> | undefined;
}

/** The exchanges with other copies that go on at this moment. */
export class Exchanges {
  readonly #options: ExchangesOptions;
  readonly #open = new Map<number, Exchange>();
  readonly #demands: Demands;

  constructor(options: ExchangesOptions) {
    this.#options = options;
    this.#demands = new Demands(
      options.demandStore,
      (id, unmet) => options.post({ kind: "demanded", id, unmet }),
    );
  }

  /** Somebody waits for bytes that are not here. */
  demand(id: number, demand: Demand): void {
    this.#demands.add(id, demand);
  }

  /** He does so no longer. */
  undemand(id: number): void {
    this.#demands.remove(id);
  }

  frame({ id, frame: { kind, payload } }: Extract<ToWorker, { kind: "exchange" }>): void {
    const exchange = this.#exchange(id);
    exchange.turn = exchange.turn.then(async () => {
      if (!this.#open.has(id)) return;
      if (kind === FRAME.message) await (exchange.session?.receive(payload) ?? exchange.hears?.(payload));
      else await this.#wish(exchange, payload);
      // There may be nothing to say to the other side then.
      this.#isLooked(exchange);
      this.#options.post({ kind: "exchangeTook", id, bytes: payload.byteLength });
    }).catch((thrown) => this.#end(exchange, { failed: reasonOf(thrown) }));
  }

  read(id: number, bytes: number): void {
    const exchange = this.#open.get(id);
    if (exchange === undefined) return;
    exchange.unread -= bytes;
    if (exchange.unread < UNREAD_BYTES_MAX) exchange.whenRead?.();
  }

  /** Whether somebody reads packs as they were when that began. */
  get needsPacks(): boolean {
    return [...this.#open.values()].some(({ source }) => source !== undefined);
  }

  close(id: number): void {
    const exchange = this.#open.get(id);
    this.#forget(id);
    exchange?.session?.cut();
  }

  /** All of them end here, but for that one; what was acknowledged stays. */
  end(but?: number): void {
    for (const exchange of [...this.#open.values()]) {
      if (exchange.id === but) continue;
      exchange.session?.cut();
      this.#end(exchange, { failed: "This copy stopped to take part: try again" });
    }
  }

  #exchange(id: number): Exchange {
    let exchange = this.#open.get(id);
    if (exchange === undefined) {
      exchange = {
        ...{
          id,
          session: undefined,
          isDry: false,
          source: undefined,
          hears: undefined,
          whenForgotten: undefined,
          unread: 0,
          whenRead: undefined,
        },
        ...{ turn: Promise.resolve(), progress: undefined },
      };
      this.#open.set(id, exchange);
    }
    return exchange;
  }

  async #wish(exchange: Exchange, payload: Uint8Array): Promise<void> {
    const wish = parseWish(payload);
    if (wish.do === "conflicts") {
      const conflicts = this.#options.conflicts(wish.all);
      for (let at = 0; at + TOLD_AT_ONCE < conflicts.length; at += TOLD_AT_ONCE) {
        this.#tell(exchange, { conflicts: conflicts.slice(at, at + TOLD_AT_ONCE) });
      }
      const rest = Math.max(0, Math.ceil(conflicts.length / TOLD_AT_ONCE) - 1) * TOLD_AT_ONCE;
      return this.#end(exchange, { conflicts: conflicts.slice(rest) });
    }
    if (exchange.session !== undefined || exchange.source !== undefined || exchange.hears !== undefined) {
      throw new NineError("EINVAL", "An exchange has begun already");
    }
    if (wish.do === "clone") {
      exchange.source = this.#options.clone(keyIn(wish));
      const isWhole = wish.contents !== "on-demand";
      const from = isWhole ? this.#heardFrom(exchange) : Promise.resolve(NOWHERE);
      exchange.source.then((source) => this.#tellAll(exchange, source, isWhole, from)).catch((thrown) =>
        this.#end(exchange, { failed: reasonOf(thrown) })
      );
      return;
    }
    if (wish.do === "state") return this.#tellState(exchange);
    if (wish.do === "rejoin") return this.#rejoin(exchange);
    if (wish.do === "fetch") return this.#stand(exchange);
    const { name, heals, isDry, contents, settles } = wish;
    // Where that cannot be, as on a full disk, what there is goes to the other copy.
    if (settles) await this.#options.settle().catch(() => {});
    // It may have ended meanwhile, and frames that came later be of nobody any more.
    if (this.#open.get(exchange.id) !== exchange) return;
    const store = this.#options.store({
      ...{ name, heals, take: this.#options.take },
      ...isDry ? {} : { contents },
    });
    exchange.session = new Session(store);
    exchange.isDry = isDry;
    this.#tellProgress(exchange, () => exchange.session!.summary);
    this.#run(exchange, exchange.session, store).catch((thrown) =>
      this.#end(exchange, { failed: reasonOf(thrown) })
    );
  }

  #tellProgress(exchange: Exchange, progress: () => Extract<Told, { progress: unknown }>["progress"]): void {
    exchange.progress = setInterval(
      // Nobody may read it.
      () => exchange.unread < UNREAD_BYTES_MAX && this.#tell(exchange, { progress: progress() }),
      PROGRESS_MS,
    );
  }

  async #run(exchange: Exchange, session: Session, store: SyncStore & Disposable): Promise<void> {
    await using undone = new AsyncDisposableStack();
    undone.use(store);
    // What it is about to take in counts on what it fetched.
    undone.defer(() => session.cut());
    for (;;) {
      const bytes = await session.message();
      if (bytes === undefined || !this.#open.has(exchange.id)) break;
      if (this.#isLooked(exchange)) return;
      await this.#send(exchange, bytes);
    }
    if (this.#isLooked(exchange)) return;
    const { ending: ended, summary } = session;
    const next = ended && await this.#options.putRight(ended, store.self.author, exchange.id);
    this.#end(exchange, { peer: session.peer?.name, ended, summary, ...next && { next } });
  }

  /** As long as it is carried, each copy asks the other one for what somebody reads. */
  #stand(exchange: Exchange): void {
    let isSaying = false;
    const say = async () => {
      if (isSaying) return;
      isSaying = true;
      try {
        for (let bytes = peer.next(); bytes && this.#open.has(exchange.id); bytes = peer.next()) {
          await this.#send(exchange, bytes);
        }
      } finally {
        isSaying = false;
      }
    };
    const peer = this.#demands.meet(() =>
      say().catch((thrown) => this.#end(exchange, { failed: reasonOf(thrown) }))
    );
    exchange.hears = (message) => Promise.resolve(peer.receive(message));
    exchange.whenForgotten = () => peer.leave();
  }

  /** Ends one that was only to look, once it has seen what there is. */
  #isLooked(exchange: Exchange): boolean {
    const { session, isDry } = exchange;
    if (!isDry || session?.peer === undefined) return false;
    session.cut();
    this.#end(exchange, { peer: session.peer.name, dry: session.summary });
    return true;
  }

  /** From where on a new copy lacks contents, which it knows once it has all rows. */
  #heardFrom(exchange: Exchange): Promise<PackPlace> {
    return new Promise((heard) => {
      exchange.hears = (message) => Promise.resolve(heard(parseFrom(message)));
      exchange.whenForgotten = () => heard(NOWHERE);
    });
  }

  /** Tells a new copy everything, as fast as it is read. */
  async #tellAll(
    exchange: Exchange,
    source: StateSource,
    isWhole: boolean,
    from: Promise<PackPlace>,
  ): Promise<void> {
    let bytes = 0;
    try {
      bytes += await this.#sendAll(exchange, source.clone(isWhole));
      bytes += await this.#sendAll(exchange, source.contents(await from));
    } finally {
      source[Symbol.dispose]();
    }
    this.#end(exchange, { cloned: { bytes } });
  }

  /** What clients ask comes between; how many bytes were sent. */
  async #sendAll(exchange: Exchange, messages: Iterable<Uint8Array>): Promise<number> {
    let bytes = 0;
    let pausedMs = performance.now();
    for (const message of messages) {
      if (!this.#open.has(exchange.id)) break;
      bytes += message.byteLength;
      await this.#send(exchange, message);
      if (performance.now() < pausedMs + PAUSE_MS) continue;
      await new Promise((next) => setTimeout(next, 0));
      pausedMs = performance.now();
    }
    return bytes;
  }

  /** Tells what documents are made of, and then chunks that are wanted. */
  #tellState(exchange: Exchange): void {
    const serving = new Serving(this.#options.store({ name: "", heals: false, take: this.#options.take }));
    let bytes = 0;
    this.#tellProgress(exchange, () => ({ bytes }));
    const say = async (message: Uint8Array) => {
      bytes += message.byteLength;
      await this.#send(exchange, message);
    };
    exchange.hears = async (message) => {
      if (message[0] === STATE.end) return this.#end(exchange, { stated: { bytes } });
      const want = message[0] === STATE.want ? unpackMessage(message.subarray(1)) : undefined;
      if (want?.kind !== "want") {
        throw new NineError("EINVAL", "A copy that rejoins wants chunks, or is done");
      }
      serving.receive(want);
      for (let chunks = serving.next(); chunks !== undefined; chunks = serving.next()) {
        await say(stateMessage(STATE.chunks, packMessage(chunks)));
      }
    };
    exchange.source = this.#options.state();
    exchange.source.then(async (source) => {
      using _ = source;
      for (const message of source.state()) {
        if (!this.#open.has(exchange.id)) return;
        await say(message);
      }
    }).catch((thrown) => this.#end(exchange, { failed: reasonOf(thrown) }));
  }

  #rejoin(exchange: Exchange): void {
    const rejoin = this.#options.rejoin();
    exchange.whenForgotten = () => rejoin[Symbol.dispose]();
    let bytes = 0;
    this.#tellProgress(exchange, () => ({ bytes }));
    exchange.hears = async (message) => {
      bytes += message.byteLength;
      for (const answer of rejoin.take(message)) await this.#send(exchange, answer);
      const { state } = rejoin;
      if (state === undefined) return;
      const { absent, later } = rejoin;
      await this.#options.merge(state, [...absent, ...later], exchange.id);
      this.#post(exchange, FRAME.message, stateMessage(STATE.end));
      this.#end(exchange, { rejoined: { bytes, absent: absent.length } });
    };
  }

  async #send(exchange: Exchange, bytes: Uint8Array): Promise<void> {
    this.#post(exchange, FRAME.message, bytes);
    while (exchange.unread >= UNREAD_BYTES_MAX && this.#open.has(exchange.id)) {
      await new Promise<void>((wake) => exchange.whenRead = wake);
    }
  }

  /** What came of it, and that is all. */
  #end(exchange: Exchange, told: Told): void {
    if (!this.#open.has(exchange.id)) return;
    this.#tell(exchange, told);
    this.#forget(exchange.id);
    this.#options.post({ kind: "exchangeEnded", id: exchange.id });
  }

  #forget(id: number): void {
    const exchange = this.#open.get(id);
    this.#open.delete(id);
    clearInterval(exchange?.progress);
    exchange?.whenRead?.();
    exchange?.whenForgotten?.();
  }

  #tell(exchange: Exchange, told: Told): void {
    this.#post(exchange, FRAME.word, new TextEncoder().encode(JSON.stringify(told)));
  }

  #post(exchange: Exchange, kind: number, payload: Uint8Array): void {
    exchange.unread += payload.byteLength;
    this.#options.post({ kind: "exchange", id: exchange.id, frame: { kind, payload } });
  }
}

function keyIn({ key }: Wish): Uint8Array {
  if (key === undefined) {
    throw new NineError("EINVAL", "A clone is asked for without the key of the new copy");
  }
  return new Uint8Array(Buffer.from(key, "hex"));
}
