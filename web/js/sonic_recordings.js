// Recordings (Sonic): files dropped on it, or chosen with its button, are uploaded and become lines of its text.

import { app } from "../../../scripts/app.js";
import { chooseSounds, isSound, tell, upload } from "./sonic_common.js";
import { word } from "./sonic_words.js";

const NODE = "SonicRecordings";

/** In the order of their names, one after the other: what was uploaded before one that fails stays. */
async function add(node, files) {
  const text = node.widgets.find((item) => item.name === "files");
  const byName = [...files].sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  for (const file of byName) {
    try {
      const path = await upload(file);
      text.value = [...String(text.value).split("\n").filter((line) => line.trim()), path].join("\n");
    } catch (error) {
      tell(node, error.message);
    }
  }
  node.setDirtyCanvas?.(true, true);
}

const holdsSounds = (event) => [...(event?.dataTransfer?.items ?? [])].some(isSound);

/** The text lies over the canvas, which then hears of no drop. */
function takeDropsOnText(node) {
  const { element } = node.widgets.find((item) => item.name === "files");
  for (const step of ["dragover", "drop"])
    element?.addEventListener(step, (event) => {
      if (!holdsSounds(event)) return;
      event.preventDefault();
      event.stopPropagation();
      if (step === "drop") node.onDragDrop(event);
    });
}

app.registerExtension({
  name: "sonic-portrait.recordings",

  nodeCreated(node) {
    if (node.constructor.comfyClass !== NODE) return;
    const button = node.addWidget("button", "add", null, () => chooseSounds((files) => add(node, files), true), { serialize: false });
    button.label = word("add");
    button.serialize = false;
    node.onDragOver = holdsSounds;
    node.onDragDrop = async (event) => {
      const sounds = [...(event?.dataTransfer?.files ?? [])].filter(isSound);
      if (sounds.length) await add(node, sounds);
      return sounds.length > 0;
    };
    takeDropsOnText(node);
  },
});
