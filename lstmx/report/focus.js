// Pointing at a row of a table, or at a line of a figure, dims the others of its section.
for (const section of document.querySelectorAll("section")) {
  const named = (element) => {
    const row = element.closest("[data-series]");
    if (row) return row.dataset.series;
    const group = element.closest(".series");
    return group && [...group.classList].find((name) => name.startsWith("series-"));
  };
  section.addEventListener("pointerover", (event) => {
    const name = named(event.target);
    section.classList.toggle("focus", Boolean(name));
    for (const group of section.querySelectorAll(".series"))
      group.classList.toggle("on", group.classList.contains(name));
  });
  section.addEventListener("pointerleave", () => section.classList.remove("focus"));
}
