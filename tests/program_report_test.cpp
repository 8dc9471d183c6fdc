// erg report: a page that needs nothing beside it, and that a browser can draw.
#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>

#include "engine/io/file.h"
#include "engine/io/png.h"
#include "io_support.h"
#include "run_program.h"
#include "tools/report/page.h"

namespace erg::test {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Page, TextCannotLeaveItsPlace) {
  EXPECT_EQ(tools::page::escaped("<b title=\"x\">&</b>"), "&lt;b title=&quot;x&quot;&gt;&amp;&lt;/b&gt;");
}

TEST(Page, Base64IsThatOfTheStandard) {  // RFC 4648, 10
  EXPECT_EQ(tools::page::base64(""), "");
  EXPECT_EQ(tools::page::base64("f"), "Zg==");
  EXPECT_EQ(tools::page::base64("fo"), "Zm8=");
  EXPECT_EQ(tools::page::base64("foo"), "Zm9v");
  EXPECT_EQ(tools::page::base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(tools::page::base64("\xff\xfe"), "//4=");
}

TEST(Page, ACurveWithoutANumberHasAGap) {
  const std::string svg = tools::page::chart("loss", {{"run", 0, {{1, 2}, {2, std::nan("")}, {3, 4}, {4, 2}}}});
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_EQ(std::count(svg.begin(), svg.end(), 'M'), 2);
  EXPECT_THAT(tools::page::chart("nothing", {{"run", 0, {}}}), Not(HasSubstr("nan")));
  EXPECT_THAT(tools::page::chart("one", {{"run", 0, {{1, 7}}}}), Not(HasSubstr("nan")));
}

class Report : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  void train(const std::string& system) {
    const Outcome outcome =
        run_program("train " + system + " --preset small --steps 20 --batch 16 --width 8 " +
                    (system == "ebm" ? "--buffer 32 " : "") + "-q --device cpu --out " + path(system));
    ASSERT_EQ(outcome.code, 0) << outcome.out;
  }
  io::TemporaryFolder folder_;
};

TEST_F(Report, OfARunHasAllOfIt) {
  train("ebm");
  const Outcome outcome = run_program("report " + path("ebm"));
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  const std::string page = io::read_file(path("ebm/report.html"));
  for (const char* part : {"<h2>Runs</h2>", "<h2>Settings</h2>", "<h2>Curves by step</h2>", "<h2>Samples</h2>",
                           "<h2>Energy: bright where it is low</h2>", "<h2>Energy along Langevin chains</h2>",
                           "in data space", "chain-steps", "data:image/png;base64,iVBORw0KGgo"})
    EXPECT_THAT(page, HasSubstr(part));
  for (const char* outside : {"http://", "https://", "<script", "<link"}) EXPECT_THAT(page, Not(HasSubstr(outside)));
  EXPECT_THAT(page, Not(testing::ContainsRegex("[ML ]-?nan"))) << "in a curve";
}

TEST_F(Report, OfSeveralRunsShowsInWhatTheyDiffer) {
  train("gan");
  train("veegan");  // defines no law for chains
  const Outcome outcome = run_program("report " + path("gan") + " " + path("veegan") + " --out " + path("both.html"));
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  const std::string page = io::read_file(path("both.html"));
  EXPECT_THAT(page, HasSubstr("deviation"));
  EXPECT_THAT(page, Not(HasSubstr(">batch<"))) << "the same in both";
  EXPECT_EQ(run_program("report " + path("nothing")).code, 66);
}

TEST_F(Report, ABrowserDrawsIt) {
  if (std::system("command -v chromium >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "no chromium; install it to draw the page";
  train("gan");
  ASSERT_EQ(run_program("report " + path("gan")).code, 0);
  const std::string browser =
      "timeout 120 chromium --headless --no-sandbox --disable-gpu --user-data-dir=" + path("profile") +
      " --screenshot=" + path("page.png") + " --window-size=1000,1500 file://" + path("gan/report.html") +
      " >/dev/null 2>&1";
  ASSERT_EQ(std::system(browser.c_str()), 0);
  const io::Image page = io::read_png(path("page.png"));
  ASSERT_EQ(page.width, 1000);
  // The blue of the first run's curves is on it.
  int blue = 0;
  for (size_t i = 0; i + 2 < page.pixels.size(); i += 3)
    blue += page.pixels[i] == 0x1f && page.pixels[i + 1] == 0x6f && page.pixels[i + 2] == 0xb4;
  EXPECT_GT(blue, 100);
}

}  // namespace
}  // namespace erg::test
