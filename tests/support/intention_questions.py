"""Questions as people ask them, with the details of an authored frame that each is about (none: too vague, or off the task).

The words of the reader were chosen with the first list in view; the second was set aside until they were, and scored once.
"""

from typing import NamedTuple


class Read(NamedTuple):
    frame: str
    question: str
    about: frozenset[str] = frozenset()


def _read(frame: str, question: str, *about: str) -> Read:
    return Read(frame, question, frozenset(about))


SEEN = (
    _read("birthday-party", "How old is the birthday child?", "person whose birthday it is"),
    _read("birthday-party", "Do you have a day in mind?", "date of the party"),
    _read("birthday-party", "Will there be many people?", "number of guests"),
    _read("birthday-party", "Are you going to celebrate indoors or outdoors?", "venue of the party"),
    _read("birthday-party", "What are you willing to spend, and what shall we eat?", "budget for the party", "food to serve"),
    _read("birthday-party", "Could you tell me a bit more about the party?"),
    _read("wedding", "Would you rather marry in a church or at the registry office?", "kind of ceremony"),
    _read("wedding", "Roughly how many guests do you expect?", "size of the guest list"),
    _read("wedding", "Do you want a band or a DJ?", "music at the wedding"),
    _read("team-outing", "How big is your team?", "number of colleagues"),
    _read("team-outing", "Does anyone have a disability I should know about?", "physical limits of the group"),
    _read("conference", "Will it be possible to join remotely?", "online access"),
    _read("weekend-trip", "Which city do you want to visit?", "destination of the trip"),
    _read("weekend-trip", "Will you drive or take the train?", "means of transport"),
    _read("weekend-trip", "Where will you sleep?", "lodging"),
    _read("hiking-tour", "Are you fit and used to walking in the mountains?", "hiking experience"),
    _read("hiking-tour", "Is anybody joining you?", "company on the tour"),
    _read("honeymoon", "Beach holiday or adventure?", "how active it should be"),
    _read("rename-files", "Where are these files stored?", "folder with the files"),
    _read("rename-files", "What naming scheme would you like?", "new naming pattern"),
    _read("rename-files", "Python or Bash?", "programming language"),
    _read("rename-files", "Should subdirectories be processed as well?", "subfolders"),
    _read("backup-script", "Are you on Windows or Linux?", "operating system"),
    _read("chat-bot", "What is the bot supposed to do, and on which platform?", "job of the bot", "chat service"),
    _read("cover-letter", "What kind of job is it?", "job applied for"),
    _read("cover-letter", "What are your qualifications?", "relevant experience"),
    _read("short-story", "Who is going to read the story?", "readership"),
    _read("sales-report", "Do you need a PDF or a presentation?", "file type of the report"),
    _read("sales-report", "Over what period?", "period of the report"),
    _read("sales-report", "What is your favourite food?"),
    _read("laptop", "What is your price range?", "price limit for the laptop"),
    _read("laptop", "Is it for gaming or for office work?", "main use of the laptop"),
    _read("workout-plan", "How many days per week can you exercise?", "sessions per week"),
    _read("workout-plan", "Do you have access to a gym?", "training gear"),
    _read("dinner-recipe", "Is anybody vegetarian?", "diners' diets"),
    _read("dinner-recipe", "What do you have in the fridge?", "stock in the kitchen"),
    _read("learn-language", "Are you a complete beginner?", "knowledge so far"),
    _read("learn-language", "What do you need it for?", "motive for learning"),
    _read("paint-room", "What colour would you like, and which room is it?", "wall colour", "room to paint"),
    _read("move-house", "Anything else that I should know?"),
)

HELD_OUT = (
    _read("farewell-dinner", "Who is the dinner for?", "person who leaves"),
    _read("farewell-dinner", "How many places do we need at the restaurant?", "seats at the table"),
    _read("farewell-dinner", "Is there any food that must not be served?", "diets to respect"),
    _read("school-reunion", "What year did you graduate?", "class that meets"),
    _read("school-reunion", "Have you thought of a location?", "place of the reunion"),
    _read("school-reunion", "What would you charge everyone?", "price of a ticket"),
    _read("charity-concert", "What are you collecting the money for?", "cause to support"),
    _read(
        "charity-concert",
        "Which genre should be played, and how large a crowd do you expect?",
        "style of music",
        "audience size",
    ),
    _read("charity-concert", "How will people hear about the concert?", "advertising"),
    _read("charity-concert", "Please tell me more."),
    _read("family-holiday", "How many children do you have, and what are their ages?", "ages of the children"),
    _read("family-holiday", "When do you want to go?", "holiday dates"),
    _read("road-trip", "What is your starting point and your destination?", "start and end of the route"),
    _read("road-trip", "Which car will you take?", "vehicle"),
    _read("road-trip", "Are you travelling alone?", "passengers"),
    _read("honeymoon", "Would you like somewhere warm?", "honeymoon destination"),
    _read("web-scraper", "Which URL should I scrape?", "site to collect from"),
    _read("web-scraper", "How should the program deal with errors?", "reaction to failures"),
    _read("small-web-app", "Do users need an account?", "login"),
    _read("log-analyzer", "What path are the log files under?", "origin of the logs"),
    _read("log-analyzer", "Do you want the output as a table?", "form of the report"),
    _read("phone-game", "Should it work on iOS or Android?", "phones it must run on"),
    _read("phone-game", "What age group is it for?", "players it is meant for"),
    _read("blog-post", "Should I write in a casual or a serious tone?", "voice of the post"),
    _read("blog-post", "What is your target audience and how long should it be?", "readers of the blog", "length of the post"),
    _read("complaint-letter", "What went wrong?", "thing complained about"),
    _read("complaint-letter", "Would you like your money back?", "remedy demanded"),
    _read("complaint-letter", "Do you like football?"),
    _read("energy-dashboard", "How frequently should the numbers refresh?", "freshness"),
    _read("website-traffic", "What question are you trying to answer?", "aim of the analysis"),
    _read("gift", "What is your friend into?", "hobbies of that person"),
    _read("gift", "When do you need it by?", "latest arrival"),
    _read("sofa", "What are the dimensions of your living room?", "space for the sofa"),
    _read("sofa", "Leather or fabric?", "covering"),
    _read("weight-loss", "Do you have any health conditions?", "illnesses"),
    _read("weight-loss", "How active are you currently?", "movement"),
    _read("festive-menu", "How many people are you cooking for?", "table size"),
    _read("swimming", "Can you swim at all?", "ease in water"),
    _read("vegetable-garden", "What do you want to plant, and how sunny is the place?", "crops wanted", "sunlight"),
    _read("balcony", "What else matters to you?"),
)
