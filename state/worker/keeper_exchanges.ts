import type { Ending } from "../sync/mod.ts";
import type { Author } from "../tree/mod.ts";
import type { FromWorker } from "../volume/mod.ts";
import type { Next } from "./exchange_words.ts";
import { Exchanges } from "./exchanges.ts";
import { type Intake, receiving } from "./intake.ts";
import type { Keeper } from "./keeper.ts";
import { actAfter } from "./put_right.ts";
import { StateSource } from "./state_source.ts";

export interface KeeperExchangesOptions {
  /** One that works: another one after a failure. */
  keeper(): Keeper;
  /** Of the volume. */
  folder(): string;
  /** By which all goes in that changes the volume, or has to have in it what clients did. */
  readonly intake: Intake;
  post(message: FromWorker): void;
}

/** The exchanges of a volume with its other copies, by what its Keeper has. */
export function keeperExchanges({ keeper, folder, intake, post }: KeeperExchangesOptions): Exchanges {
  /** This copy's state once that is done, at a moment at which all is in it that clients did. */
  const stateAfter = (act: (keeper: Keeper) => void) =>
    new Promise<StateSource>((done, failed) =>
      intake.add({
        act(keeper) {
          act(keeper);
          const source = new StateSource(folder());
          return () => done(source);
        },
        failed,
      })
    );

  /** Copies that have one name, or one of which has forgotten what it wrote, are to go on under two. */
  const putRight = (ending: Ending, self: Author, id: number) => {
    if (ending.kind === "gone" && ending.whose === "mine") return Promise.resolve<Next>("rejoin");
    if (actAfter(keeper(), ending, self) === undefined) return Promise.resolve(undefined);
    return new Promise<Next>((done, failed) =>
      intake.add({
        act(keeper, last, held) {
          // Another exchange may have led to it before.
          const act = actAfter(keeper, ending, self);
          if (act) {
            act(last, held);
            // What they know of this copy is not so any more.
            exchanges.end(id);
          } else keeper.makeDurable();
          return () => done("again");
        },
        failed,
      })
    );
  };

  const exchanges = new Exchanges({
    store: (options) => keeper().copy.store(options),
    demandStore: {
      lackingOf: (demand) => keeper().copy.demandStore.lackingOf(demand),
      chunk: (id) => keeper().copy.demandStore.chunk(id),
      putChunk: (id, bytes) => keeper().copy.demandStore.putChunk(id, bytes),
    },
    conflicts: (all) => all ? keeper().conflicts.withNamed() : keeper().conflicts.all(),
    clone: (key) => stateAfter((keeper) => keeper.copy.letIn(key)),
    state: () =>
      stateAfter((keeper) => {
        keeper.makeDurable();
        keeper.share();
      }),
    rejoin: () => keeper().copy.rejoin(folder()),
    merge: (state, absent, id) =>
      new Promise((done, failed) =>
        intake.add({
          act(keeper, last, held) {
            keeper.copy.merge(state, absent, last, held);
            // What they know of this copy is not so any more.
            exchanges.end(id);
            return done;
          },
          failed,
        })
      ),
    settle: () =>
      new Promise((done, failed) =>
        intake.add({
          act(keeper) {
            // What became another by the versions that were made is told now.
            keeper.makeDurable();
            return done;
          },
          failed,
        })
      ),
    take: (records, absent) =>
      new Promise((done, failed) =>
        intake.add({ ...receiving({ records, chunks: [], absent }, done), failed })
      ),
    putRight,
    post,
  });
  return exchanges;
}
