/** Below this the garbage collector comes early enough. */
const BYTES_MIN = 32 * 1024;

/**
 * Gives a buffer's memory back now. The garbage collector would do it some time, and by then a thousand buffers of
 * megabytes have piled up. Views of it are empty afterwards.
 */
export function release({ buffer }: Uint8Array<ArrayBuffer>): void {
  if (buffer.byteLength >= BYTES_MIN) buffer.transfer(0);
}
