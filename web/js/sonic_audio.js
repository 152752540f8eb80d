// Load Audio (Sonic): the length of the chosen recording; videos in its file dialog, and dropped on it.

import { app } from "../../../scripts/app.js";
import { after, chooseSounds, tell, upload, viewUrl } from "./sonic_common.js";
import { word } from "./sonic_words.js";

const AUDIO_NODE = "SonicLoadAudio";

// --- How long the chosen file is -----------------------------------------------------------------------------------

function showDuration(node) {
  const widget = (name) => node.widgets?.find((item) => item.name === name);
  const file = widget("audio");
  if (!file) return;
  let shown = word("none");
  const line = node.addWidget("text", "recording", shown, () => show(shown), { serialize: false, read_only: true });
  line.serialize = false;
  line.label = word("recording");
  const show = (text) => {
    line.value = shown = text;
    node.setDirtyCanvas?.(true, true);
  };
  const probe = new Audio();
  probe.preload = "metadata";

  const write = () => {
    const whole = probe.duration;
    if (!Number.isFinite(whole)) return show(word("none"));
    const rest = Math.max(0, whole - (widget("start")?.value ?? 0));
    const length = widget("length")?.value ?? 0;
    const used = length > 0 ? Math.min(length, rest) : rest;
    show((used < whole - 0.005 ? `${used.toFixed(2)} s ${word("of")} ` : "") + `${whole.toFixed(2)} s`);
  };
  const load = () => {
    const [, path, type] = /^(.*?)(?: \[(input|output|temp)\])?$/.exec(String(file.value ?? ""));
    if (!path) return;
    const cut = path.lastIndexOf("/");
    const url = viewUrl({ filename: path.slice(cut + 1), subfolder: path.slice(0, Math.max(0, cut)), type: type ?? "input" });
    if (probe.src.endsWith(url)) return write();
    show(word("none"));
    probe.src = url;
  };
  probe.addEventListener("loadedmetadata", write);
  after(file, "callback", load);
  for (const name of ["start", "length"]) if (widget(name)) after(widget(name), "callback", write);
  after(node, "onConfigure", load);
  // Frontends of 2025 tell nobody of an upload: its sound in their player is the first sign.
  node.widgets.find((item) => item.name === "audioUI")?.element?.addEventListener?.("loadedmetadata", load);
  if (file.options?.values?.includes?.(file.value)) load();
}

// --- Videos as well as recordings ----------------------------------------------------------------------------------

async function take(node, file) {
  const chosen = node.widgets.find((item) => item.name === "audio");
  let path;
  try {
    path = await upload(file);
  } catch (error) {
    return tell(node, error.message);
  }
  const values = chosen.options?.values;
  if (Array.isArray(values) && !values.includes(path)) values.push(path);
  chosen.value = path;
  chosen.callback?.(path);
}

const isVideo = ({ type }) => type.startsWith("video/");

/** The editor's own handlers take recordings only; what they leave is looked at here. */
function takeVideos(node) {
  const button = node.widgets?.find((item) => item.type === "button" && item.name === "upload");
  if (button) button.callback = () => chooseSounds(([file]) => take(node, file));
  const { onDragOver, onDragDrop } = node;
  node.onDragOver = function (event) {
    return [...(event?.dataTransfer?.items ?? [])].some(isVideo) || !!onDragOver?.apply(this, arguments);
  };
  node.onDragDrop = function (event) {
    const video = [...(event?.dataTransfer?.files ?? [])].find(isVideo);
    if (!video) return onDragDrop?.apply(this, arguments) ?? false;
    take(this, video);
    return true;
  };
}

app.registerExtension({
  name: "sonic-portrait.audio",

  beforeRegisterNodeDef(nodeType, nodeData) {
    if (nodeData.name !== AUDIO_NODE) return;
    const { upload, ...inputs } = nodeData.input.required; // the player must exist before the upload button looks for it
    nodeData.input.required = { ...inputs, audioUI: ["AUDIO_UI", {}], ...(upload && { upload }) };
  },

  nodeCreated(node) {
    if (node.constructor.comfyClass !== AUDIO_NODE) return;
    showDuration(node);
    takeVideos(node);
  },
});
