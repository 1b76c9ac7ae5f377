#include "actors/bin/bench_texts.hpp"

namespace troupe::cli {
namespace {

constexpr bench_text texts[] = {
    {"edit",
     "Correct the spelling in this letter and write it out again in full. Change nothing else.\n\n"
     "Dear Ms Okafor,\n\nThank you for your leter of 12 March about the heating in flat 14. Our "
     "enginer visited the building on Tuesday and found that the pump in the basement had stoped. "
     "He fitted a new pump on Wednesday morning, and the radiators on every floor were warm again "
     "by noon. We are sory for the three cold nights that you and your neighbours had, and we will "
     "take 40 pounds off the rent of every flat in April.\n\nThe old pump was eleven years old. We "
     "have asked the enginer to look at the pumps in our other buildings before the winter, so "
     "that the same does not hapen there.\n\nYours sincerely,\nHenrik Dahl\n"},
    {"summary",
     "Summarise this report in three sentences.\n\n"
     "The harbour bridge was closed to lorries from 3 to 17 May while its expansion joints were "
     "replaced. Of the forty joints, thirty-two were replaced in the first week, when the weather "
     "was dry. Rain delayed the other eight by five days, because the resin that holds a joint in "
     "place must not be laid on wet concrete. Lorries took the northern ring road, where queues "
     "at the morning peak grew from four minutes to eleven. Cars, buses and bicycles crossed the "
     "bridge on one lane in each direction throughout. The work cost 2.1 million euros, a tenth "
     "less than planned, as the old joints could be lifted out whole. The next inspection of the "
     "bridge is due in six years.\n"},
    {"code",
     "Rename the variable `n` to `count` everywhere in this function, and write the whole function "
     "again.\n\n```python\ndef read_records(path, n):\n    \"\"\"Reads the first n records of a "
     "file.\"\"\"\n    records = []\n    with open(path) as lines:\n        for line in lines:\n"
     "            if len(records) == n:\n                break\n            fields = "
     "line.strip().split(\",\")\n            if len(fields) != 3:\n                raise "
     "ValueError(f\"{path}: a record has 3 fields, not {len(fields)}\")\n            "
     "records.append({\"name\": fields[0], \"year\": int(fields[1]), \"price\": "
     "float(fields[2])})\n    if len(records) < n:\n        raise ValueError(f\"{path}: "
     "{len(records)} records, {n} were asked for\")\n    return records\n```\n"},
    {"list",
     "List every town in this text with its number of inhabitants, one on a line.\n\n"
     "Along the river Tarn the road passes Millau (22,000 inhabitants), known for its viaduct; "
     "Saint-Affrique (8,000 inhabitants) lies in a side valley. Downstream come Albi (49,000 "
     "inhabitants), with its cathedral of brick, Gaillac (15,000 inhabitants), where wine has been "
     "made for two thousand years, Rabastens (5,600 inhabitants) and Montauban (61,000 "
     "inhabitants), where the Tarn is almost at its end.\n"},
    {"question",
     "Why is the sky blue during the day and red in the evening? Explain it to a pupil."},
    {"story", "Write a short story about a lighthouse keeper who finds a letter in a bottle."},
};

}  // namespace

std::span<const bench_text> bench_texts() { return texts; }

}  // namespace troupe::cli
