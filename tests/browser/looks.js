// What is wrong with how a page is laid out. Text is what counts: where it is seen (what a scrolling box hides is not),
// whether it stays in its own box, and whether other text, or a mark of the picture, is in the same place. Whatever is installed, it is judged in a wide font.
() => {
  const wide = new CSSStyleSheet();
  wide.replaceSync('body { font-family: "DejaVu Sans", sans-serif !important }');
  document.adoptedStyleSheets = [wide];
  const faults = [], root = document.documentElement, style = (one) => getComputedStyle(one);
  if (root.scrollWidth > root.clientWidth) faults.push(`the page is ${root.scrollWidth - root.clientWidth} px too wide`);
  const skipped = ".unseen, .skip, title, script, select, textarea, [hidden]";
  const hidden = (one) =>
    one.closest(skipped) || style(one).visibility === "hidden" ||
    (one.closest("details:not([open])") && !one.closest("summary")) ||
    (one.closest("thead") && style(one.closest("thead")).clipPath !== "none");
  const scrolls = (one) => /auto|scroll/.test(style(one).overflowX) || /auto|scroll/.test(style(one).overflowY);
  const seen = (rect, one) => {
    let { left, right, top, bottom } = rect;
    for (let at = one; at && at !== root; at = at.parentElement) {
      if (!scrolls(at)) continue;
      const box = at.getBoundingClientRect();
      [left, right, top, bottom] = [Math.max(left, box.left), Math.min(right, box.right), Math.max(top, box.top), Math.min(bottom, box.bottom)];
    }
    return right - left > 1 && bottom - top > 1 ? { left, right, top, bottom } : null;
  };
  const block = (one) => { while (/^inline$|contents/.test(style(one).display)) one = one.parentElement; return one; };
  const texts = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, holder = node.parentElement, said = node.textContent.trim();
    if (!said || hidden(holder)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const picture = holder.closest("svg");
    for (const each of picture ? [holder.getBoundingClientRect()] : range.getClientRects()) {
      const rect = seen(each, holder);
      if (!rect) continue;
      texts.push({ ...rect, said: said.slice(0, 40), node });
      const within = (picture ?? block(holder)).getBoundingClientRect();
      const inside = picture || !scrolls(block(holder));
      if (inside && (rect.right > within.right + 1.5 || rect.left < within.left - 1.5)) faults.push(`cut off or out of its box: ${said.slice(0, 60)}`);
    }
    const clipped = block(holder);
    if (/hidden|clip/.test(style(clipped).overflowX) && clipped.scrollWidth > clipped.clientWidth + 1) faults.push(`cut off: ${said.slice(0, 60)}`);
  }
  for (const mark of document.querySelectorAll("svg.map .node, svg.map .town, svg.map .arc, svg.map .own")) {
    const rect = mark.getBoundingClientRect(), group = mark.closest("a");
    texts.push({ left: rect.left, right: rect.right, top: rect.top, bottom: rect.bottom, said: mark.getAttribute("class"), node: mark, group });
  }
  texts.sort((one, other) => one.top - other.top);
  texts.forEach((one, place) => {
    for (let next = place + 1; next < texts.length && texts[next].top < one.bottom - 3; next += 1) {
      const other = texts[next], bothMarks = one.node instanceof Element && other.node instanceof Element;
      if (other.node === one.node || (bothMarks && one.group === other.group)) continue;
      const wide = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const number = [one, other].some((each) => each.node.parentElement?.matches(".roomy text.number")); // it is in its town
      if (wide > 1.5 && !number && Math.min(one.bottom, other.bottom) - other.top > 3) faults.push(`overlap: ${one.said} | ${other.said}`);
    }
  });
  return [...new Set(faults)];
}
