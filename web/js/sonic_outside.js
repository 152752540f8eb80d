// The video of a node inside a subgraph, on the subgraph's node as well: Nodes 2.0 shows it there by itself, the classic canvas does not.

import { app } from "../../../scripts/app.js";
import { nodeOf, removeWidget, viewUrl } from "./sonic_common.js";

const NAME = "sonic_video";
const LEAST = 200; // px

function player(node) {
  const video = Object.assign(document.createElement("video"), { controls: true, loop: true, muted: true, playsInline: true });
  Object.assign(video.style, { width: "100%", height: "100%", objectFit: "contain" });
  const widget = node.addDOMWidget(NAME, "video", video, { serialize: false, hideOnZoom: false });
  widget.serialize = false;
  widget.computeLayoutSize = () => ({ minHeight: LEAST, minWidth: LEAST });
  return { widget, video };
}

/** The subgraph's node around the node of an execution's id, and the number of the inner one. */
function outsideOf(executionId) {
  const [inner, ...outer] = executionId.split(":").reverse();
  return { inner, node: outer.length ? nodeOf(outer.reverse().join(":")) : undefined };
}

/** `executionId`: of the node that made the video; its subgraph's node shows what it exposes. */
export function playOutside(executionId, file) {
  const { inner, node } = outsideOf(executionId);
  if (!node || app.ui?.settings?.getSettingValue?.("Comfy.VueNodes.Enabled")) return;
  if (!node.properties?.previewExposures?.some(({ sourceNodeId }) => String(sourceNodeId) === inner)) return;
  const { video } = (node.sonicPlayer ??= player(node));
  video.src = viewUrl(file);
  const [width, height] = node.computeSize();
  node.setSize([Math.max(node.size[0], width), Math.max(node.size[1], height)]);
  node.setDirtyCanvas?.(true, true);
}

/** Of a run that failed inside, nothing older stays outside. */
export function clearOutside(executionId) {
  const { node } = outsideOf(executionId);
  if (!node?.sonicPlayer) return;
  removeWidget(node, node.sonicPlayer.widget);
  delete node.sonicPlayer;
}
