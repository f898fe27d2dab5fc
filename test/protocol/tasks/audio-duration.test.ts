import { expect, test } from "vitest";
import { audioMilliseconds } from "../../../lib/protocol/tasks/audio-duration.ts";

const NO_HEAD = new Uint8Array();

/** A canonical WAV head (soundfile.sapp.org/doc/WaveFormat, read 2026-11-25). */
function waveHead(bytesPerSecond: number): Uint8Array {
  const head = new Uint8Array(44);
  head.set(new TextEncoder().encode("RIFF"), 0);
  head.set(new TextEncoder().encode("WAVEfmt "), 8);
  new DataView(head.buffer).setUint32(28, bytesPerSecond, true);
  return head;
}

test.each([
  ["speech.mp3", 1_000_000, 60_000],
  ["speech.flac", 5_000_000, 60_000],
  ["SPEECH.WAV", 10_000_000, 60_000],
  [null, 500_000, 30_000],
  ["speech.mp3", 1, 6_000],
])("without a report %s of %d bytes counts as %d ms", (name, bytes, milliseconds) => {
  expect(audioMilliseconds(name, bytes, NO_HEAD)).toBe(milliseconds);
});

test("a WAV's head makes it longer than its size does, never shorter", () => {
  expect(audioMilliseconds("a.wav", 1_920_000, waveHead(32_000))).toBe(60_000); // 16 kHz, 16 bit, mono
  expect(audioMilliseconds("a.wav", 10_000_000, waveHead(4_000_000_000))).toBe(60_000);
  expect(audioMilliseconds("a.wav", 10_000_000, waveHead(0))).toBe(60_000);
});
