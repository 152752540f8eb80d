// What a Sonic node shows of its last run: a video that plays, the report as text, the sentence of an error; all of it again after a reload.

import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";
import { word } from "./sonic_words.js";

const TEXT = "sonic_report";
const VIDEO_WAIT = { every: 150, times: 60 }; // ms
const PREVIEWS = ["video-preview", "$$canvas-image-preview"];

const isOurs = (node) => node?.constructor.comfyClass?.startsWith("Sonic");

function nodeOf(executionId) {
  const path = String(executionId).split(":");
  return path.reduce((graph, id, i) => {
    const node = graph?.getNodeById?.(id) ?? graph?.getNodeById?.(Number(id));
    return i < path.length - 1 ? node?.subgraph : node;
  }, app.rootGraph ?? app.graph);
}

// --- Text ----------------------------------------------------------------------------------------------------------

function showText(node, text) {
  let widget = node.widgets?.find((item) => item.name === TEXT);
  if (!widget) {
    if (!text) return;
    widget = app.widgets?.STRING?.(node, TEXT, ["STRING", { multiline: true }], app)?.widget;
    if (!widget) return;
    widget.label = word("report");
    widget.serialize = false; // in the workflow
    widget.options.serialize = false; // in the prompt
    widget.options.read_only = true;
    const field = widget.element ?? widget.inputEl;
    if (field) field.readOnly = true;
    const least = node.computeSize();
    node.setSize([Math.max(node.size[0], least[0]), Math.max(node.size[1], least[1])]);
  }
  widget.value = text;
  node.setDirtyCanvas?.(true, true);
}

// --- Video ---------------------------------------------------------------------------------------------------------

function videoElement(node) {
  const drawn = node.widgets?.find((widget) => widget.name === PREVIEWS[0])?.element ?? node.videoContainer;
  return drawn?.querySelector?.("video") ?? document.querySelector(`[data-node-id="${node.id}"] video`);
}

/** Muted, as browsers want it; the first click brings the sound.  Nodes 2.0 may put another player in place of the first. */
function play(node, file, left = VIDEO_WAIT.times) {
  const video = videoElement(node);
  if (video?.src.includes(encodeURIComponent(file)) && !video.dataset.sonic) start(video);
  if (left) setTimeout(() => play(node, file, left - 1), VIDEO_WAIT.every);
}

function start(video) {
  video.dataset.sonic = "plays";
  video.loop = video.muted = true;
  video.play().catch(() => {}); // a browser that does not let it shows its play button
  video.addEventListener("click", (event) => {
    if (!video.muted) return;
    event.preventDefault();
    video.muted = false;
    requestAnimationFrame(() => video.play());
  });
}

// --- What a run showed, kept for the next load of this page -------------------------------------------------------

const storeKey = () => `sonic-portrait.shown.${(app.rootGraph ?? app.graph)?.id ?? ""}`;

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(storeKey()) ?? "{}");
  } catch {
    return {};
  }
}

function keep(id, output) {
  const all = kept();
  if (output) all[id] = output;
  else delete all[id];
  try {
    sessionStorage.setItem(storeKey(), JSON.stringify(all));
  } catch {} // a full store: the preview comes back with the next run
}

async function isThere({ filename, subfolder = "", type }) {
  const url = api.apiURL(`/view?${new URLSearchParams({ filename, subfolder, type })}`);
  return (await fetch(url, { method: "HEAD" })).ok;
}

async function restore() {
  for (const [id, output] of Object.entries(kept())) {
    const node = nodeOf(id);
    if (!isOurs(node)) continue;
    const files = await Promise.all((output.images ?? []).map(isThere));
    if (files.every(Boolean)) {
      const detail = { node: id, display_node: id, output, prompt_id: null };
      if (api.dispatchCustomEvent) api.dispatchCustomEvent("executed", detail);
      else api.dispatchEvent(new CustomEvent("executed", { detail }));
    } else keep(id, null);
  }
}

// --- Errors --------------------------------------------------------------------------------------------------------

function clear(node) {
  const id = String(node.id);
  keep(id, null);
  if (app.nodeOutputs) delete app.nodeOutputs[id];
  node.imgs = node.images = node.animatedImages = node.videoContainer = undefined;
  for (const widget of node.widgets?.filter((item) => PREVIEWS.includes(item.name)) ?? []) {
    widget.onRemove?.();
    node.widgets.splice(node.widgets.indexOf(widget), 1);
  }
  showText(node, "");
}

/** A node and all whose inputs come from it. */
function withFollowers(node, seen = new Set()) {
  if (!node || seen.has(node)) return seen;
  seen.add(node);
  for (const output of node.outputs ?? [])
    for (const id of output.links ?? []) {
      const link = node.graph?.links?.get?.(id) ?? node.graph?.links?.[id];
      withFollowers(link && node.graph.getNodeById(link.target_id), seen);
    }
  return seen;
}

function failed({ detail }) {
  const node = nodeOf(detail.node_id);
  for (const stale of withFollowers(node)) if (isOurs(stale)) clear(stale);
  if (isOurs(node)) showText(node, detail.exception_message?.trim());
}

app.registerExtension({
  name: "sonic-portrait.shown",

  setup() {
    api.addEventListener("execution_error", failed);
    api.addEventListener("executed", ({ detail }) => {
      const node = nodeOf(detail.display_node ?? detail.node);
      if (!isOurs(node) || !detail.output) return;
      keep(String(detail.display_node ?? detail.node), detail.output);
      showText(node, (detail.output.text ?? []).join("\n"));
      const [item] = detail.output.images ?? [];
      if (item && detail.output.animated?.[0]) play(node, item.filename);
    });
  },

  afterConfigureGraph() {
    restore();
  },
});
