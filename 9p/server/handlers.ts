import type { Dialect } from "../wire/field.ts";
import { type Message, type MessageName, MESSAGES, type TName } from "../wire/messages.ts";
import { classic } from "./classic.ts";
import { common } from "./common.ts";
import type { Later } from "./file_server.ts";
import { linux } from "./linux.ts";
import type { Request } from "./request.ts";
import type { Session } from "./session.ts";

/** Answers one message: writes the reply itself, now or later, or throws. */
export type Handler<K extends MessageName> = (
  session: Session,
  message: Message<K>,
  request: Request,
) => Later<void>;
export type Handlers<K extends TName> = { readonly [Name in K]: Handler<Name> };

type ByType = readonly (Handler<never> | undefined)[];

const TABLES: Record<Dialect, ByType> = {
  "9P2000": byType("9P2000"),
  "9P2000.u": byType("9P2000.u"),
  "9P2000.L": byType("9P2000.L"),
};

/** The handlers of a dialect, by type number; there is one for every request that the dialect has. */
export function handlersOf(dialect: Dialect): ByType {
  return TABLES[dialect];
}

function byType(dialect: Dialect): ByType {
  const handlers: Record<string, unknown> = { ...common, ...classic, ...linux };
  const table: (Handler<never> | undefined)[] = Array.from({ length: 256 }, () => undefined);
  for (const [name, { type, dialects }] of Object.entries(MESSAGES)) {
    if (name.startsWith("T") && (dialects as readonly Dialect[]).includes(dialect)) {
      table[type] = handlers[name] as Handler<never>;
    }
  }
  return table;
}
