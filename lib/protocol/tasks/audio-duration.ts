/** Bytes that stand for a minute of sound (spec facts, section 11). */
const BYTES_PER_MINUTE: Readonly<Record<string, number>> = { wav: 10_000_000, flac: 5_000_000 };
const OTHERWISE = 1_000_000;
const MS_PER_MINUTE = 60_000;
/** A tenth of a minute is charged at least. */
const LEAST_MS = 6_000;

const RIFF = 0x52494646;
const WAVE = 0x57415645;
const BYTE_RATE_AT = 28;
/** Of a file's first bytes, how many `audioMilliseconds` looks at. */
export const AUDIO_HEAD_BYTES = 32;

/**
 * How long a recording is taken to be when nobody says: by its size and format, and for WAV by its header too, whichever
 * is longer (a header is the client's word).
 * @param head the file's first bytes
 */
export function audioMilliseconds(filename: string | null, bytes: number, head: Uint8Array): number {
  const bySize = Math.ceil((bytes * MS_PER_MINUTE) / (BYTES_PER_MINUTE[extensionOf(filename)] ?? OTHERWISE));
  return Math.max(LEAST_MS, bySize, byHeader(bytes, head));
}

/** `wav` of `speech.WAV`, "" where a name has none. */
export function extensionOf(filename: string | null): string {
  return /\.([a-z0-9]{1,8})$/i.exec(filename ?? "")?.[1]?.toLowerCase() ?? "";
}

/** RIFF WAVE: bytes a second stand at byte 28, little-endian (Microsoft's WAVEFORMATEX). 0: no such header. */
function byHeader(bytes: number, head: Uint8Array): number {
  if (head.byteLength < AUDIO_HEAD_BYTES) return 0;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (view.getUint32(0) !== RIFF || view.getUint32(8) !== WAVE) return 0;
  const bytesPerSecond = view.getUint32(BYTE_RATE_AT, true);
  return bytesPerSecond === 0 ? 0 : Math.ceil((bytes * 1_000) / bytesPerSecond);
}
