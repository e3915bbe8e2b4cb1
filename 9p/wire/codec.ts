import { NineError } from "../error.ts";
import type { Dialect, DialectField, Field, Random } from "./field.ts";
import { type Body, type Message, type MessageName, MESSAGES, NAME_BY_TYPE, stat } from "./messages.ts";
import type { Reader } from "./reader.ts";
import { statField } from "./stat.ts";
import type { Writer } from "./writer.ts";

/** size[4] type[1] tag[2] */
export const HEADER_BYTES = 7;
/** intro(5), version(5): the tag of Tversion, and the fid that is none. */
export const NOTAG = 0xffff;
export const NOFID = 0xffffffff;
/** fcall(3): room for the header of a Twrite or Rread within msize. */
export const IOHDRSZ = 24;

/** All messages of one dialect. */
export interface Codec {
  readonly dialect: Dialect;
  /**
   * The message whose type and tag were read already, its body being what is left of the reader. Undefined where the
   * dialect has no such type. Check `from.malformed` afterwards, and `from.left`, which must be 0.
   */
  decode(type: number, tag: number, from: Reader): Message | undefined;
  /** Appends the whole message. */
  encode<K extends MessageName>(to: Writer, name: K, tag: number, body: Body<K>): void;
  /** `Twalk tag=1 fid=0 newfid=1 wname=["a" "b"]`, with strings escaped. */
  show(message: Message): string;
  /** A message of that name with any legal contents. */
  any<K extends MessageName>(name: K, random: Random): Message<K>;
  /** The names of the messages that the dialect has. */
  readonly names: readonly MessageName[];
}

const codecs = new Map<Dialect, Codec>();

/** The codec of a dialect, made once. */
export function codecOf(dialect: Dialect): Codec {
  let codec = codecs.get(dialect);
  if (!codec) codecs.set(dialect, codec = compile(dialect));
  return codec;
}

type Decode = (tag: number, from: Reader) => Message;
type Encode = (to: Writer, tag: number, body: unknown) => void;
type AnyField = Field<unknown>;

function compile(dialect: Dialect): Codec {
  const names = (Object.keys(MESSAGES) as MessageName[]).filter((name) =>
    MESSAGES[name].dialects.includes(dialect)
  );
  const decoders: (Decode | undefined)[] = Array.from({ length: 256 }, () => undefined);
  const encoders = {} as Record<MessageName, Encode>;
  const fieldsOf = {} as Record<MessageName, [string, AnyField][]>;
  for (const name of names) {
    const fields = fieldsOf[name] = wireFields(name, dialect);
    decoders[MESSAGES[name].type] = compileDecode(name, dialect, fields);
    encoders[name] = compileEncode(name, fields);
  }
  return {
    dialect,
    names,
    decode: (type, tag, from) => decoders[type]?.(tag, from),
    encode(to, name, tag, body) {
      const encode = encoders[name];
      if (!encode) throw new NineError("EPROTO", `${dialect} has no ${name}`);
      encode(to, tag, body);
    },
    show(message) {
      const values = message as unknown as Record<string, unknown>;
      const body = (fieldsOf[message.kind] ?? []).map(([key, field]) => ` ${key}=${field.show(values[key])}`);
      return `${message.kind} tag=${message.tag === NOTAG ? "~0" : message.tag}${body.join("")}`;
    },
    any<K extends MessageName>(name: K, random: Random): Message<K> {
      const message: Record<string, unknown> = {
        kind: name,
        tag: random(NOTAG),
        ...absentFields(name, dialect),
      };
      for (const [key, field] of fieldsOf[name]) message[key] = field.any(random);
      return message as Message<K>;
    },
  };
}

/** The name that a type number has in any dialect, for messages about it. */
export function typeName(type: number): string {
  return NAME_BY_TYPE[type] ?? `type ${type}`;
}

/** The fields that travel in this dialect, in order. */
function wireFields(name: MessageName, dialect: Dialect): [string, AnyField][] {
  const all = Object.entries(MESSAGES[name].fields) as [string, AnyField | DialectField<unknown>][];
  return all
    .filter(([, field]) => !("dialects" in field) || field.dialects.includes(dialect))
    .map(([key, field]) => [key, field === stat ? statField(dialect) as AnyField : field]);
}

/** The fields that this dialect does not carry, with the values that stand for them. */
function absentFields(name: MessageName, dialect: Dialect): Record<string, unknown> {
  const all = Object.entries(MESSAGES[name].fields) as [string, AnyField | DialectField<unknown>][];
  return Object.fromEntries(
    all.flatMap(([key, field]) =>
      "dialects" in field && !field.dialects.includes(dialect) ? [[key, field.absent]] : []
    ),
  );
}

/*
 * A row becomes a straight-line function of its own, so that V8 sees one shape of object and one call target at each
 * place. A loop over the fields takes twice as long: 9p/wire/codec_bench.ts. The text is made of the table only.
 */

function compileDecode(name: MessageName, dialect: Dialect, fields: [string, AnyField][]): Decode {
  const absent = Object.entries(absentFields(name, dialect));
  const parts = [
    `kind: ${JSON.stringify(name)}, tag`,
    ...fields.map(([key], i) => `${key}: f${i}(from)`),
    ...absent.map(([key, value]) => `${key}: ${JSON.stringify(value)}`),
  ];
  const source = `return (tag, from) => ({ ${parts.join(", ")} });`;
  return new Function(...fields.map((_, i) => `f${i}`), source)(...fields.map(([, field]) => field.read));
}

function compileEncode(name: MessageName, fields: [string, AnyField][]): Encode {
  const source = `return (to, tag, body) => {
    const start = to.begin(${MESSAGES[name].type}, tag);
    ${fields.map(([key], i) => `f${i}(to, body.${key});`).join("\n    ")}
    to.end(start);
  };`;
  return new Function(...fields.map((_, i) => `f${i}`), source)(...fields.map(([, field]) => field.write));
}
