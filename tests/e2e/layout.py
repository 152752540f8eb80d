"""What is wrong with a graph as it stands in the editor: overlaps, wires behind nodes, nodes outside their group, text too small."""

LEAST_TEXT = 9.0
"""px on the screen of the 14 px in which nodes write."""

FAULTS = """() => {
    const title = LiteGraph.NODE_TITLE_HEIGHT, faults = [], graph = app.canvas.graph, nodes = graph._nodes;
    const vue = document.querySelectorAll('[data-node-id]').length > 0;
    const box = (node) => {
        const shown = vue && document.querySelector(`[data-node-id="${node.id}"]`);
        const height = shown ? Math.max(node.size[1], shown.offsetHeight - title) : node.size[1];
        return [node.pos[0], node.pos[1] - title, node.pos[0] + node.size[0], node.pos[1] + height];
    };
    const name = (node) => `${node.type} ${node.id}`;
    for (const [i, a] of nodes.entries()) for (const b of nodes.slice(i + 1)) {
        const [p, q] = [box(a), box(b)];
        if (p[0] < q[2] && q[0] < p[2] && p[1] < q[3] && q[1] < p[3]) faults.push(`${name(a)} overlaps ${name(b)}`);
    }
    const groups = graph._groups ?? [];
    for (const node of groups.length ? nodes : []) {
        const [x0, y0, x1, y1] = box(node);
        const home = groups.find(({ pos, size }) => x0 >= pos[0] && x0 < pos[0] + size[0] && y0 >= pos[1] && y0 < pos[1] + size[1]);
        if (node.type === 'MarkdownNote' && !home) continue;
        if (!home) faults.push(`${name(node)} is in no group`);
        else if (x1 > home.pos[0] + home.size[0] || y1 > home.pos[1] + home.size[1]) faults.push(`${name(node)} leaves its group`);
    }
    const context = document.createElement('canvas').getContext('2d');
    context.lineWidth = 4;
    const links = graph.links instanceof Map ? [...graph.links.values()] : Object.values(graph.links);
    const wires = links.map((link) => [link.path, link]);
    for (const reroute of graph.reroutes?.values?.() ?? [])
        for (const id of reroute.linkIds) wires.push([reroute.path, links.find((link) => link.id === id)]);
    for (const [path, link] of wires) {
        if (!path || !link) continue;
        for (const node of nodes) {
            if (node.id == link.origin_id || node.id == link.target_id) continue;
            const [x0, y0, x1, y1] = box(node);
            const edge = [];
            for (let x = x0 + 4; x < x1 - 4; x += 4) edge.push([x, y0 + 4], [x, y1 - 4]);
            for (let y = y0 + 4; y < y1 - 4; y += 4) edge.push([x0 + 4, y], [x1 - 4, y]);
            if (edge.some(([x, y]) => context.isPointInStroke(path, x, y)))
                faults.push(`a wire ${link.type} from ${link.origin_id} to ${link.target_id} runs behind ${name(node)}`);
        }
    }
    return [...new Set(faults)];
}"""

IN_VIEW = """([kinds, panel]) => {
    const { scale, offset } = app.canvas.ds, title = LiteGraph.NODE_TITLE_HEIGHT;
    const left = panel, right = innerWidth, bottom = innerHeight;
    return app.graph._nodes.filter((node) => kinds ? kinds.includes(node.type) : true).filter((node) => {
        const x0 = (node.pos[0] + offset[0]) * scale, y0 = (node.pos[1] - title + offset[1]) * scale;
        const x1 = x0 + node.size[0] * scale, y1 = (node.pos[1] + node.size[1] + offset[1]) * scale;
        return x0 < left || x1 > right || y0 < 0 || y1 > bottom;
    }).map((node) => node.type);
}"""
