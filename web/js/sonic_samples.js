// Brings the sample picture and recording that the templates name into the input folder, so that a fresh install can press Run.
// A graph that does not name them, or an input folder that has them already, is left alone.

import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";
import { upload } from "./sonic_common.js";

const SOUNDS = { node: "SonicLoadAudio", widget: "audio" }; // a node that lists what a text names
const SAMPLES = [
  { node: "LoadImage", widget: "image", file: "sonic_sample_portrait.jpg", type: "image/jpeg" },
  { node: "LoadAudio", widget: "audio", file: "sonic_sample_speech.mp3", type: "audio/mpeg" },
  { node: "LoadVideo", widget: "file", file: "sonic_sample_clip.mp4", type: "video/mp4" },
  { node: "SonicLoadAudio", widget: "audio", file: "sonic_sample_speech.mp3", type: "audio/mpeg" },
  { node: "LoadImage", widget: "image", file: "sonic_sample_presenter.webp", type: "image/webp" },
  { node: "LoadImage", widget: "image", file: "sonic_sample_background.jpg", type: "image/jpeg" },
  { node: "SonicRecordings", listed: SOUNDS, file: "sonic_sample_line_1.mp3", type: "audio/mpeg" },
  { node: "SonicRecordings", listed: SOUNDS, file: "sonic_sample_line_2.mp3", type: "audio/mpeg" },
];

function namedIn(graph) {
  const names = ({ node, file }) => (item) => item.type === node && String(item.widgets_values?.[0]).split("\n").includes(file);
  return SAMPLES.filter((sample) => graph?.nodes?.some?.(names(sample)));
}

async function inputFiles({ listed, ...sample }) {
  const { node, widget } = listed ?? sample;
  const answer = await api.fetchApi(`/object_info/${node}`, { cache: "no-store" });
  const [kind, options] = (await answer.json())[node].input.required[widget];
  return Array.isArray(kind) ? kind : options.options;
}

async function bring({ file, type }) {
  const bundled = await fetch(new URL(`../samples/${file}`, import.meta.url));
  if (!bundled.ok) throw new Error(`${bundled.url}: ${bundled.status}`);
  await upload(new File([await bundled.blob()], file, { type }));
}

app.registerExtension({
  name: "sonic-portrait.samples",

  // Awaited before the nodes are made: they find the files in place.
  async beforeConfigureGraph(graph) {
    for (const sample of namedIn(graph)) {
      try {
        if (!(await inputFiles(sample)).includes(sample.file)) await bring(sample);
      } catch (error) {
        console.warn(`sonic-portrait: ${sample.file} could not be put into the input folder. Choose a file of your own.`, error);
      }
    }
  },

  // The lists were made when the page was opened.
  loadedGraphNode(node) {
    for (const { node: kind, widget: name, file } of SAMPLES) {
      const widget = node.type === kind && node.widgets?.find((item) => item.name === name);
      const values = widget?.value === file ? widget.options?.values : null;
      if (Array.isArray(values) && !values.includes(file)) values.push(file);
    }
  },
});
