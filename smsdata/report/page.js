for (const head of document.querySelectorAll("thead th")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = head.textContent;
  head.replaceChildren(button);
  button.addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    const place = head.cellIndex, body = head.closest("table").tBodies[0];
    const key = row => row.cells[place].dataset.key;
    const order = head.classList.contains("number")
      ? (a, b) => (key(a) === "" ? 1 : key(b) === "" ? -1 : (key(a) - key(b)) * (up ? 1 : -1))
      : (a, b) => key(a).localeCompare(key(b)) * (up ? 1 : -1);
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    body.append(...[...body.rows].sort(order));
  });
}
