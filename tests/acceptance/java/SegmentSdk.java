// java -cp 'lib/*' SegmentSdk.java INGEST_URL WRITE_KEY EVENTS: events of one person; prints what the application was told.
import com.segment.analytics.Analytics;
import com.segment.analytics.Callback;
import com.segment.analytics.messages.IdentifyMessage;
import com.segment.analytics.messages.Message;
import com.segment.analytics.messages.TrackMessage;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

class SegmentSdk {
  public static void main(String[] arguments) throws Exception {
    int events = Integer.parseInt(arguments[2]);
    CountDownLatch told = new CountDownLatch(events + 1);
    AtomicInteger taken = new AtomicInteger();
    Callback callback = new Callback() {
      public void success(Message message) { taken.incrementAndGet(); told.countDown(); }
      public void failure(Message message, Throwable why) { System.err.println(why); told.countDown(); }
    };
    Analytics analytics = Analytics.builder(arguments[1]).endpoint(arguments[0]).flushQueueSize(20).callback(callback).build();
    analytics.enqueue(IdentifyMessage.builder().userId("jv-1").traits(Map.of("name", "Jo Vik", "email", "jo@example.com")));
    for (int number = 0; number < events; number++)
      analytics.enqueue(TrackMessage.builder("Job Run").userId("jv-1").properties(Map.of("number", number)));
    analytics.flush();
    told.await(30, TimeUnit.SECONDS);
    analytics.shutdown();
    System.out.println(taken.get());
    System.exit(0);
  }
}
