"""Word lists for redaction: common given names and surnames, places and employers written without capitals, stop words.

A name that is also an everyday word ("will", "grace", "hope", "mark", "joy") is left out of `GIVEN_NAMES`: it is masked
only where a cue stands before it.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


GIVEN_NAMES = _words(
    """
    aaliyah aaron abby abdul abigail abraham adam adrian adriana ahmed aidan aiden aisha alan albert
    alejandra alejandro alex alexa alexander alexandra alexandria alexis alfred ali alice alicia alina
    alison allan allen allison alyssa amanda amelia amina amir amy ana anastasia andre andrea andrew andy
    angela angelica angelina anika anita ann anna anne annie anthony antonio anya arjun arthur arturo arun
    asha ashley audrey austin ava barbara beatrice becca becky belinda ben benjamin bernard beth bethany
    betty beverly bianca blake bob bobby brad bradley brandon brenda brendan brett brian brianna bridget
    brittany brooke bruce bruno bryan caitlin caleb cameron camila camille carl carla carlos carmen carol
    carolina caroline carolyn carrie casey cassandra cassie catherine cathy cecilia cesar chad charles
    charlie charlotte chelsea cheryl chloe chris christina christine christopher ciara cindy claire clara
    clarence claudia cody colin colleen connie connor corey courtney craig cristina crystal curtis cynthia
    dan dana daniel daniela danielle danny darius darlene darren darryl dave david dean debbie deborah
    debra deepa denise dennis derek desmond devin devon diana diane diego dmitri dominic donald donna
    doris dorothy doug douglas duncan dustin dylan eddie edgar eduardo edward edwin eileen elaine eleanor
    elena eli elijah elizabeth ella ellen ellie emilia emily emma emmanuel enrique eric erica erik erika
    erin ernest esther ethan eugene eva evan evelyn fatima felicia felipe felix fernando fiona frances
    francesca francisco frank freddie gabriel gabriela gabriella gareth gary gavin gemma geoffrey george
    gerald gianna gina giovanni gladys glenn gloria gonzalo gordon greg gregory greta guillermo gustavo
    haley hannah harold harriet harry harvey hassan heather hector heidi helen helena henry hiroshi holly
    howard hugo hussein ian ibrahim imani ines ingrid irene irina isaac isabel isabella isaiah ivan jack
    jackie jackson jacob jacqueline jade jaime jake jamal james jamie jane janet janice jared jasmine
    jason javier jay jayden jean jeff jeffrey jen jenna jennifer jenny jeremy jerome jerry jesse jessica
    jessie jill jim jimmy joan joanna joanne joaquin jodie joe joel john johnny jon jonathan jordan jorge
    jose joseph josephine josh joshua joyce juan juana judith judy julia julian juliana julie juliet
    justin kaitlyn kamal kara karen karim karina karl kate katelyn katherine kathleen kathryn kathy katie
    katrina kayla keith kelly kelsey ken kendra kenneth kenny kevin khadija kiara kiera kim kimberly
    kirsten kristen kristin kristina krystal kumar kurt kyle lakshmi lamar lance larry latoya laura lauren
    laurie lawrence leah lee leila lena leo leon leona leonard leonardo leroy leslie leticia levi liam
    lillian lily linda lindsay lindsey lisa liz liza logan lola lorena lorenzo lori lorraine louis louise
    lucas lucia lucy luis luisa luke lydia lynn mackenzie madeline madison mahmoud malik manuel marc
    marcel marcia marco marcus margaret maria mariah marian mariana marie marilyn mario marisol marissa
    marjorie marlene marsha marta martha martin martina marvin mary mason mateo mathew matt matthew
    maureen maurice maya megan meghan mehmet mei melanie melinda melissa melody mia michael michaela
    michele michelle miguel mike mikhail mildred miles mira miranda miriam mitchell mohamed mohammad
    mohammed moira molly monica morgan muhammad myra nadia nadine nancy naomi natalia natalie natasha
    nathan nathaniel neha neil nelson nia nicholas nick nicole nigel nikhil nikki nina noah noel nora
    norma norman olga olive oliver olivia omar oscar owen pablo pamela patricia patrick paul paula pauline
    pedro peggy penelope perry pete peter philip phillip phoebe phyllis priya rachel rafael raj rajesh
    ralph ramon ramona randall randy raquel rashid raul ravi raymond rebecca regina renata renee ricardo
    richard rick ricky rita rob robert roberta roberto robin rodney rodrigo roger rohan roland ron ronald
    ronnie rosa rosalie rosemary rosie ross roxanne roy ruben russell ruth ryan sabrina sadie salma sam
    samantha samir samuel sandra sandy sanjay santiago sara sarah sasha saul savannah scott sean sebastian
    selena serena sergei sergio seth shane shannon sharon shaun shauna shawn sheila shelby shelley shirley
    sierra silvia simon simone sofia sonia sonya sophia sophie stacey stacy stan stanley stefan stella
    stephanie stephen steve steven stuart susan susie suzanne sven sydney sylvia tamara tammy tanisha
    tanya tara tasha tatiana taylor ted teresa terrence terri terry tessa theo theodore theresa thomas
    tiffany tim timothy tina todd tom tommy toni tony tonya tracey tracy travis trevor tricia trisha
    tristan troy tyler tyrone valentina valerie vanessa vera veronica vicki vicky victor victoria vijay
    vincent virginia vivian vladimir wade walter wanda warren wayne wendy wesley whitney wilfred william
    willie xavier ximena yasmin yolanda yuki yusuf yvette yvonne zach zachary zainab zara zoe
    """
)

SURNAMES = _words(
    """
    adams aguilar alexander ali allen alvarez anderson bailey baker barnes bell bennett black boyd brooks
    bryant burns butler campbell carter castillo castro chan chavez chen clark cohen coleman collins
    cooper cox crawford cruz daniels davis diaz dixon dunn edwards ellis evans ferguson fernandez fisher
    flores ford foster fox freeman garcia gardner gibson goldberg gomez gonzales gonzalez gordon graham
    grant griffin gutierrez guzman hamilton harris harrison hawkins hayes henderson henry hernandez
    herrera hicks holmes howard hughes hunt hunter hussain ivanov jackson james jenkins jimenez johnson
    jones jordan kaur kelley kelly kennedy khan kim kowalski levy lewis lopez marshall martin martinez
    mason mbeki mcdonald medina mendez mendoza meyer miller mills mitchell moore morales moreno morgan
    morris mueller murphy murray myers nelson nguyen nichols oconnor okafor olson ortiz owens palmer
    parker patel patterson payne perez perry peterson phillips porter powell ramirez ramos reed reyes
    reynolds rice richardson rivera roberts robertson robinson rodriguez rogers romero ross ruiz russell
    ryan salazar sanchez sanders schmidt schneider scott shaw silva simmons simpson singh smith snyder
    soto spencer stephens stevens stewart stone sullivan suzuki tanaka taylor thomas thompson torres tran
    tucker turner vargas vasquez wagner walker wallace ward warren washington watson weaver webb williams
    wilson wong wood woods wright
    """
)

NOT_NAMES = _words(
    """
    a about actually adhd african after again ago ai all almost also always am american an and angry
    another anxious any anymore anyone anytime april are aren't as asap asian asked at august australian
    autistic awake away babe baby back bad be because been before being bipolar black boss both bpd
    british broken but by call called calls came can can't canadian cant catholic caucasian chinese
    christian christmas comes constantly could covid crazy cried cries crying cute dad dead december
    depressed did didn't didnt died doctor does doesn't doesnt doing don't done dont down dr dramatic each
    early easter either else ended english european even ever every everybody everyone everything ex
    exhausted family fat february feel feeling feels felt female fine first folks for found friday friend
    friends from fun gave gay get gets getting gives god going gone good got guys had half halloween happy
    has hasn't hasnt hates have haven't he he's hello her here hers hey hi him himself his hispanic
    honestly honey hospital how however hurt hurts i i'd i'll i'm i've if ill im in indian insists into
    irish is isn't isnt it it's italian its itself january jewish july june just keeps kind knew know
    knows last lately later latina latino lazy left lesbian lets liar like literally lives living lonely
    lost loud love loves made makes male many march married maybe me mexican might mine miss mom mommy
    monday more most mr mrs ms much muslim must my myself names near need needs never new next nice no
    nobody non-binary nonbinary none nope not nothing november now numb ocd october of off office often ok
    okay old on once one only or other our ours out over own passed people please pregnant probably ptsd
    queer quite rather really recently right sad said saturday saw say says scared seems selfish sensitive
    sent september session she she's should shouldn't sick since single so sober some somebody someone
    sometimes somewhere sorry still straight stressed stuck stupid such suddenly suicidal sunday sure talk
    talks terrified than thanks thanksgiving that that's the their them themselves then therapist there
    there's these they they're things think thinks this those though thought thursday tired to today
    together told tomorrow tonight too took trans treats tried tries trying tuesday two ugly under until
    up upset us used very virgin visits wants was wasn't watched we we're weak wednesday weird well went
    were what what's when where which while white who whole whom whose why wife will with within without
    won't work worked works worried worthless would wouldn't yelled yells yes yesterday yet you you're
    your yours yourself
    """
)

PLACES = _words(
    """
    adelaide alabama alaska albuquerque arizona arkansas atlanta auckland austin baltimore bangalore
    bangkok beijing belfast berlin birmingham boston brisbane bristol bronx brooklyn cairo calgary
    california cardiff chicago cincinnati cleveland colorado connecticut dallas delaware delhi denver
    detroit dhaka dublin edinburgh florida fresno georgia glasgow hawaii houston idaho illinois indiana
    iowa jakarta johannesburg kansas karachi kentucky lagos lahore leeds liverpool london louisiana madrid
    maine manchester manhattan manila maryland massachusetts melbourne memphis miami michigan milwaukee
    minneapolis minnesota mississippi missouri montana montreal mumbai nairobi nebraska nevada nyc oakland
    ohio oklahoma oregon orlando ottawa paris pennsylvania perth philadelphia phoenix pittsburgh portland
    queens rome sacramento seattle seoul shanghai singapore sydney tampa tennessee texas tokyo toronto
    tucson tulsa utah vancouver vermont virginia wisconsin wyoming
    """
)

PLACES_OF_TWO = (
    "new york|new jersey|new mexico|new hampshire|new orleans|north carolina|south carolina|north dakota|south dakota"
    "|west virginia|rhode island|los angeles|san francisco|san diego|san antonio|san jose|las vegas|el paso|fort worth"
    "|kansas city|salt lake city|st louis|st paul|new delhi|hong kong|cape town|kuala lumpur|mexico city|new zealand"
)

EMPLOYERS = _words(
    """
    accenture aldi amazon asda att boeing chipotle coles comcast costco cvs deloitte doordash facebook
    fedex google ikea infosys kfc kroger lidl lowe's lowes lyft macy's macys mcdonald's mcdonalds
    microsoft netflix nhs nike pepsi sainsburys starbucks subway target tesco tesla uber ups usps verizon
    walgreens walmart wells wendy's wendys wetherspoons woolworths
    """
)

NAMES_THAT_ARE_WORDS = _words(
    """
    austin bob brooke carol chad crystal dean frank holly jack jackson jade jasmine jay jean jordan lance lee
    lily madison mason melody miles nick olive peter phoenix ray rob robin roger rosemary ross sandy savannah sierra
    stella sydney ted troy virginia wade
    """
)
"""Given names that, without a capital or a cue, are read as words or places."""

SURNAMES_THAT_ARE_WORDS = _words(
    """
    black brooks bell butler baker carter cooper cox fisher ford foster fox freeman gardner grant hunt hunter mason
    mills moore palmer porter reed rice shaw snyder stone turner walker ward warren wood woods wright
    """
)

NOT_ORGANISATIONS = (
    NOT_NAMES
    | PLACES
    | _words(
        """
        aa aac bed cbt church class college counseling couples court dbt er family gp group gym hell home icu individual
        jail na rehab school sleep therapy university va
        """
    )
)
NOT_PLACES = NOT_NAMES | _words(
    "hell heaven earth facebook instagram tiktok zoom god jesus spring summer fall winter therapy recovery"
)
