/**
 * Exchanges between copies of volumes, as files: whoever opens one speaks to the copy that the node has.
 *
 * @module
 */
export { type Exchange, type Exchanges, exchangeServer } from "./sync.ts";
