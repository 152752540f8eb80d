// Visemes of recordings by met4citizen's HeadAudio, driven as its worklet and node drive it: node headaudio.mjs PACKAGE < JSON > JSON
// Input: {"rate": Hz, "step": s, "samples": [[...], ...]}.  Output: for each recording a list of 15 weights every `step` seconds.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { join } from "node:path";

const folder = process.argv[2];
const load = (name) => import(pathToFileURL(join(folder, "modules", name)));
const { Processor } = await load("processor.mjs");
const { Training } = await load("training.mjs");
const VISEMES = 15, SILENCE = 14, BLOCK = 128;
const file = readFileSync(join(folder, "dist", "model-en-mixed.bin"));
const bytes = file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength);
globalThis.fetch = async () => ({ ok: true, arrayBuffer: async () => bytes });
const { model } = await new Training().loadModel("");

function weights(samples, rate, step) {
  const events = [];
  const port = { postMessage: (event) => events.push(event) };
  const processor = new Processor({ sampleRate: rate }, { port });
  processor._onmessage({ data: { event: "model", model } });
  for (let i = 0; i < samples.length; i += BLOCK) processor.process(Float32Array.from(samples.slice(i, i + BLOCK)));
  const alphas = new Array(VISEMES).fill(0), rows = [];
  let active = -1, next = 0;
  for (let t = 0; t < samples.length / rate; t += step) {
    for (; next < events.length && events[next].t <= t; next++) {
      const { event, viseme } = events[next];
      if (event === "ended" || viseme === SILENCE) active = -1;
      else if (event === "viseme" && viseme !== null) active = viseme;
    }
    // Its animation: a viseme comes and goes within 100 ms.
    for (let i = 0; i < VISEMES; i++) alphas[i] = Math.min(1, Math.max(0, alphas[i] + (i === active ? 1 : -1) * step / 0.1));
    rows.push([...alphas]);
  }
  return rows;
}

const { rate, step, samples } = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(samples.map((one) => weights(one, rate, step))));
