// The style of all pictures: small, on white, and readable in gray: shades and hatching distinguish
// series, not colors.
import { type EChartsOption, init } from "echarts";

const WIDTH = 720;
const FONT = { fontFamily: "sans-serif", fontSize: 12, color: "#222" };

/** From dark to light; the gateway's own series is the darkest. */
export const OURS = "#1b1b1b";
export const MEASURED = "#7f7f7f";
export const OTHER = "#c4c4c4";

/** For computed values, which were not measured. */
export const HATCHED = {
  color: "#ececec",
  borderColor: MEASURED,
  decal: { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: Math.PI / 4, color: MEASURED },
} as const;

export interface Bar {
  readonly name: string;
  readonly value: number;
  /** The text beside the bar. */
  readonly label: string;
  readonly style: object;
}

/**
 * Horizontal bars, the first on top. `from`: where a logarithmic axis begins; without it the axis
 * is linear.
 */
export function bars(title: string, unit: string, all: readonly Bar[], from?: number): string {
  const top = [...all].reverse();
  const most = Math.max(...all.map(({ value }) => value));
  // Leaves room for the last label.
  const scale = from === undefined ? { type: "value" as const, max: Math.ceil(most * 1.15) } : logFrom(from, most * 4);
  return render(all.length * 30 + 90, {
    title: { text: title },
    grid: { left: 170, right: 30, top: 45, bottom: 45 },
    xAxis: { ...scale, name: unit },
    yAxis: { type: "category", data: top.map(({ name }) => name), axisTick: { show: false } },
    series: [
      {
        type: "bar",
        barWidth: 18,
        data: top.map(({ value, label, style }) => ({
          value,
          itemStyle: style,
          label: { show: true, position: "right", formatter: label },
        })),
      },
    ],
  });
}

export interface Curve {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
  readonly color: string;
  readonly symbol: "circle" | "rect" | "triangle" | "diamond";
  readonly dash: "solid" | "dashed" | "dotted";
}

export interface Axes {
  readonly x: string;
  readonly y: string;
  readonly xScale: "log" | "category";
  /** A horizontal line with a name: a bound. */
  readonly bound: { readonly at: number; readonly name: string };
}

export function curves(title: string, { x, y, xScale, bound }: Axes, all: readonly Curve[]): string {
  const categories = [...new Set(all.flatMap(({ points }) => points.map(([at]) => String(at))))];
  return render(340, {
    title: { text: title },
    grid: { left: 60, right: 190, top: 55, bottom: 45 },
    legend: { orient: "vertical", right: 0, top: "middle", itemWidth: 34, textStyle: FONT },
    xAxis:
      xScale === "log" ? { type: "log", name: x } : { type: "category", data: categories, name: x, boundaryGap: true },
    yAxis: { type: "value", min: 0, name: y, nameLocation: "end", nameGap: 10 },
    series: all.map(({ name, points, color, symbol, dash }, n) => ({
      type: "line" as const,
      name,
      symbol,
      symbolSize: 8,
      lineStyle: { type: dash, color, width: 2 },
      itemStyle: { color },
      data: points.map(([at, value]) => [xScale === "log" ? at : String(at), value]),
      ...(n === 0 && {
        markLine: {
          silent: true,
          symbol: "none",
          lineStyle: { color: OURS, type: "dotted" as const },
          label: { formatter: bound.name, position: "insideStartTop" as const, color: OURS },
          data: [{ yAxis: bound.at }],
        },
      }),
    })),
  });
}

function logFrom(min: number, max: number) {
  return { type: "log" as const, min, startValue: min, max: 10 ** Math.ceil(Math.log10(max)) };
}

function render(height: number, option: EChartsOption): string {
  const chart = init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height });
  const axis = { nameTextStyle: FONT, axisLabel: FONT, splitLine: { lineStyle: { color: "#e4e4e4" } } };
  const [xAxis, yAxis] = [option.xAxis as object, option.yAxis as object];
  chart.setOption({
    ...option,
    animation: false,
    backgroundColor: "#fff",
    textStyle: FONT,
    title: { ...option.title, left: 10, top: 8, textStyle: { ...FONT, fontSize: 14, fontWeight: "bold" } },
    xAxis: { nameLocation: "middle", nameGap: 28, ...axis, ...xAxis },
    yAxis: { ...axis, ...yAxis },
  } as EChartsOption);
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}
