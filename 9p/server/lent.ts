/** Bytes that lie in this process's memory already, for a reply that carries them without a copy. */
export interface Lent {
  /** Where they are, piece by piece: address, length, address, length, … */
  readonly spans: readonly number[];
  /** How many, all pieces together. */
  readonly bytes: number;
  /**
   * Fills `into` with those from `from` on, where they cannot be sent at once; with zeros for what has gone meanwhile. As
   * the reply has begun, it can only throw what ends the connection.
   */
  copy(from: number, into: Uint8Array): void;
}

/** Of `bytes` and what is lent between them, to be sent in order: `pieces[i].lent` comes before byte `pieces[i].at`. */
export interface Gathered {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly pieces: readonly { readonly at: number; readonly lent: Lent }[];
}
