// Picture and recording dropped together on the node that makes the video: each goes to the loader from which it is wired.

import { app } from "../../../scripts/app.js";

const NODES = new Set(["SonicGenerate", "SonicPreData"]);
const INPUTS = ["image", "audio"];

function loaders(node) {
  const slots = INPUTS.map((name) => node.findInputSlot(name)).filter((slot) => slot >= 0);
  return slots.map((slot) => node.getInputNode(slot)).filter((source) => source?.onDragDrop);
}

function holdsFiles({ dataTransfer }) {
  return [...(dataTransfer?.items ?? [])].some(({ kind }) => kind === "file");
}

app.registerExtension({
  name: "sonic-portrait.drop",

  nodeCreated(node) {
    if (!NODES.has(node.constructor.comfyClass)) return;
    node.onDragOver = (event) => holdsFiles(event) && loaders(node).length > 0;
    // Loaders take what is theirs of the files and say whether there was any; all are asked at once, as an event keeps its files only now.
    node.onDragDrop = async (event) => (await Promise.all(loaders(node).map((source) => source.onDragDrop(event)))).includes(true);
  },
});
